from __future__ import annotations

import pytest

from cronnx_server.doctor.checks import wiring
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def problems(disk: OnDisk) -> list[str]:
    found = list(wiring.check(disk.read()))
    assert {finding.path for finding in found} <= {disk.classify / "config.pbtxt"}
    return [finding.problem for finding in found]


def test_a_step_that_is_not_there_is_named_with_the_one_that_may_be_meant(disk: OnDisk) -> None:
    disk.change("classify", '"preprocess"', '"preproces"')
    (finding,) = wiring.check(disk.read())
    assert finding.problem == "step 1 is 'preproces', which is in none of the repositories"
    assert finding.remedy.startswith("Is 'preprocess' meant? ")


def test_a_step_whose_config_cannot_be_read_is_not_called_missing(disk: OnDisk) -> None:
    disk.change("net", "max_batch_size", "max_batch_sise")
    assert problems(disk) == []


def test_an_ensemble_without_steps_is_named(disk: OnDisk) -> None:
    disk.add("classify", 'platform: "ensemble"')
    assert problems(disk) == ["an ensemble without a step"]


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
    assert problems(disk) == ["step 2 (net) is not given its input 'user'"]


def test_a_step_may_go_without_an_optional_input(disk: OnDisk) -> None:
    disk.change("net", "input [", 'input [ { name: "user" data_type: TYPE_STRING dims: [ 1 ] optional: true },')
    assert problems(disk) == []


def test_an_input_that_a_model_does_not_have_is_named(disk: OnDisk) -> None:
    disk.change("classify", 'input_map { key: "pixels"', 'input_map { key: "pixel"')
    unknown, unmapped = problems(disk)
    assert unknown == "step 2 (net) has no input 'pixel'; it has pixels"
    assert unmapped == "step 2 (net) is not given its input 'pixels'"


def test_an_output_that_a_model_does_not_have_is_named(disk: OnDisk) -> None:
    disk.change("classify", 'output_map { key: "score"', 'output_map { key: "scores"')
    assert problems(disk) == ["step 2 (net) has no output 'scores'; it has logits, score"]


def test_a_tensor_that_is_taken_and_never_made_is_named(disk: OnDisk) -> None:
    disk.change("classify", 'input_map { key: "image" value: "image" }', 'input_map { key: "image" value: "images" }')
    nowhere, lost = problems(disk)
    assert nowhere == "'image' of the ensemble's input goes nowhere"
    assert lost == "'images' for step 1 (preprocess) comes from nowhere"


def test_a_tensor_that_is_made_twice_is_named(disk: OnDisk) -> None:
    score = 'output_map { key: "score"'
    disk.change("classify", score, 'output_map { key: "logits" value: "pixels" } ' + score)
    assert "'pixels' is made twice, by step 1 (preprocess) and by step 2 (net)" in problems(disk)


def test_a_tensor_that_one_step_makes_twice_is_named(disk: OnDisk) -> None:
    score = 'output_map { key: "score"'
    disk.change("classify", score, 'output_map { key: "logits" value: "score" } ' + score)
    assert "'score' is made twice, by step 2 (net) and by step 2 (net)" in problems(disk)


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
