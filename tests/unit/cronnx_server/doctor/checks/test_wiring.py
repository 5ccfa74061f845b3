from __future__ import annotations

import pytest

from cronnx_server.doctor.checks import wiring
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def problems(disk: OnDisk) -> list[str]:
    found = list(wiring.ensembles(disk.read()))
    assert {finding.path for finding in found} <= {disk.classify / "config.pbtxt"}
    return [finding.problem for finding in found]


def test_a_step_that_is_not_there_is_named_with_the_one_that_may_be_meant(disk: OnDisk) -> None:
    disk.change("classify", '"preprocess"', '"preproces"')
    (finding,) = wiring.ensembles(disk.read())
    assert finding.problem == "step 1 is 'preproces', which is in none of the repositories"
    assert finding.remedy.startswith("Did you mean 'preprocess'? ")


def test_a_step_whose_config_cannot_be_read_is_not_called_missing(disk: OnDisk) -> None:
    disk.change("net", "max_batch_size", "max_batch_sise")
    assert problems(disk) == []


def test_an_ensemble_without_steps_is_named(disk: OnDisk) -> None:
    disk.add("classify", 'platform: "ensemble"')
    assert problems(disk) == ["an ensemble without steps"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("instance_group", "instance_group [ { count: 1 } ]"),
        ("model_warmup", 'model_warmup [ { name: "one" } ]'),
        ("optimization", "optimization { }"),
    ],
)
def test_what_only_a_model_can_have_is_named(disk: OnDisk, field: str, text: str) -> None:
    disk.change("classify", "max_batch_size", f"{text} max_batch_size")
    assert problems(disk) == [f"an ensemble cannot have {field}"]


def test_a_step_that_is_not_given_an_input_is_named(disk: OnDisk) -> None:
    disk.change("net", "input [", 'input [ { name: "user" data_type: TYPE_STRING dims: [ 1 ] },')
    assert problems(disk) == ["the input 'user' of step 2 (net) is not mapped"]


def test_a_step_may_go_without_an_optional_input(disk: OnDisk) -> None:
    disk.change("net", "input [", 'input [ { name: "user" data_type: TYPE_STRING dims: [ 1 ] optional: true },')
    assert problems(disk) == []


def test_an_input_that_a_model_does_not_have_is_named(disk: OnDisk) -> None:
    disk.change("classify", 'input_map { key: "pixels"', 'input_map { key: "pixel"')
    unknown, unmapped = problems(disk)
    assert unknown == "step 2 (net) has no input 'pixel'; it has pixels"
    assert unmapped == "the input 'pixels' of step 2 (net) is not mapped"


def test_an_output_that_a_model_does_not_have_is_named(disk: OnDisk) -> None:
    disk.change("classify", 'output_map { key: "score"', 'output_map { key: "scores"')
    assert problems(disk) == ["step 2 (net) has no output 'scores'; it has logits, score"]


def test_a_tensor_that_is_taken_and_never_made_is_named(disk: OnDisk) -> None:
    disk.change("classify", 'input_map { key: "image" value: "image" }', 'input_map { key: "image" value: "images" }')
    nowhere, lost = problems(disk)
    assert nowhere == "nothing uses 'image' of the ensemble's input"
    assert lost == "nothing produces 'images' for step 1 (preprocess)"


def test_a_tensor_that_is_made_twice_is_named(disk: OnDisk) -> None:
    score = 'output_map { key: "score"'
    disk.change("classify", score, 'output_map { key: "logits" value: "pixels" } ' + score)
    assert "'pixels' is produced twice, by step 1 (preprocess) and by step 2 (net)" in problems(disk)


def test_a_tensor_that_one_step_makes_twice_is_named(disk: OnDisk) -> None:
    score = 'output_map { key: "score"'
    disk.change("classify", score, 'output_map { key: "logits" value: "score" } ' + score)
    assert "'score' is produced twice, by step 2 (net) and by step 2 (net)" in problems(disk)


def test_a_type_that_differs_is_named_with_both_ends(disk: OnDisk) -> None:
    disk.change("preprocess", "TYPE_UINT8", "TYPE_FP32")
    (problem,) = problems(disk)
    assert problem == (
        "'pixels' is TYPE_FP32 [4, 4, 3] from step 1 (preprocess) but TYPE_UINT8 [4, 4, 3] for step 2 (net)"
    )


def test_dims_that_differ_are_named_with_both_ends(disk: OnDisk) -> None:
    disk.change("classify", "dims: [ 5 ]", "dims: [ 6 ]")
    (problem,) = problems(disk)
    assert problem == "'score' is TYPE_FP32 [5] from step 2 (net) but TYPE_FP32 [6] for the ensemble's output"


def test_a_dim_of_any_size_agrees_with_any(disk: OnDisk) -> None:
    disk.change("preprocess", "dims: [ 4, 4, 3 ]", "dims: [ -1, -1, 3 ]")
    assert problems(disk) == []


def test_a_batch_written_as_a_dim_agrees_with_one_that_is_not(disk: OnDisk) -> None:
    disk.change("net", "max_batch_size: 8", "max_batch_size: 0")
    for dims in ("[ 4, 4, 3 ]", "[ 5 ]"):
        disk.change("net", f"dims: {dims}", f"dims: [ -1, {dims[2:]}")
    assert problems(disk) == []


def test_a_step_that_triton_completes_is_left_to_triton(disk: OnDisk) -> None:
    disk.add("net", 'backend: "onnxruntime"')
    assert problems(disk) == []


ROUTER = """
backend: "router"
max_batch_size: 8
input [ { name: "pixels" data_type: TYPE_UINT8 dims: [ 4, 4, 3 ] } ]
output [ { name: "score" data_type: TYPE_FP32 dims: [ 5 ] } ]
parameters { key: "arms" value { string_value: "net/1=100" } }
"""


@pytest.fixture
def routed(disk: OnDisk) -> OnDisk:
    disk.add("route", ROUTER, {"1/.gitkeep": b""})
    return disk


def router_problems(disk: OnDisk) -> list[str]:
    found = list(wiring.routers(disk.read()))
    assert {finding.path for finding in found} <= {disk.root / "route" / "config.pbtxt"}
    return [finding.problem for finding in found]


def test_arms_that_are_there_are_fine(routed: OnDisk) -> None:
    assert router_problems(routed) == []


def test_an_arm_of_a_model_that_is_not_there_is_named(routed: OnDisk) -> None:
    routed.change("route", "net/1=100", "net/1=90 nett/1=10")
    assert router_problems(routed) == ["the model of arm nett/1 is in none of the repositories"]


def test_an_arm_of_a_version_that_is_not_there_is_named(routed: OnDisk) -> None:
    routed.change("route", "net/1=100", "net/1=90 net/2=10")
    assert router_problems(routed) == ["an arm calls net version 2, but the only version is 1"]


def test_an_arm_that_the_policy_does_not_load_is_named(routed: OnDisk) -> None:
    routed.add("net", files={"2/model.onnx": b""})
    routed.change("route", "net/1=100", "net/1=90 net/2=10")
    assert router_problems(routed) == ["an arm calls net version 1, which its version_policy does not load"]


def test_a_shadow_is_an_arm(routed: OnDisk) -> None:
    for model in ("net", "route"):
        routed.change(model, 'name: "score" data_type: TYPE_FP32', 'name: "class_id" data_type: TYPE_INT64')
    routed.change("route", "parameters", 'parameters { key: "shadow" value { string_value: "net/3" } } parameters')
    assert router_problems(routed) == ["an arm calls net version 3, but the only version is 1"]


def test_an_output_that_an_arm_gives_otherwise_is_named(routed: OnDisk) -> None:
    routed.change("route", "dims: [ 5 ]", "dims: [ 6 ]")
    assert router_problems(routed) == ["output 'score' is TYPE_FP32 [6], but TYPE_FP32 [5] in net"]


def test_an_arm_whose_config_cannot_be_read_is_not_called_missing(routed: OnDisk) -> None:
    routed.change("net", "max_batch_size", "max_batch_sise")
    assert router_problems(routed) == []


def test_a_malformed_arm_is_left_to_the_backend(routed: OnDisk) -> None:
    routed.change("route", "net/1=100", "net=100")
    assert router_problems(routed) == []
