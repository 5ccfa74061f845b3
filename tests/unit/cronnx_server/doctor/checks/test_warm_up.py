from __future__ import annotations

import pytest

from cronnx_server.doctor.checks import warm_up
from cronnx_server.doctor.findings import Finding, Severity
from tests.unit.cronnx_server.doctor.conftest import OnDisk


def only(disk: OnDisk) -> Finding:
    (finding,) = warm_up.check(disk.read())
    return finding


def test_a_model_without_a_warm_up_is_named(disk: OnDisk) -> None:
    path = disk.net / "config.pbtxt"
    path.write_text(path.read_text().partition("model_warmup")[0])
    finding = only(disk)
    assert (finding.path, finding.severity) == (path, Severity.WARNING)
    assert finding.problem.startswith("no model_warmup")


@pytest.mark.parametrize(
    ("old", "new", "severity", "problem"),
    [
        ("batch_size: 1\n", "batch_size: 9\n", Severity.ERROR, "batch_size 9, but the model takes at most 8"),
        ("batch_size: 1\n", "\n", Severity.WARNING, "has no batch_size"),
        (
            "UINT8 dims: [ 4, 4, 3 ] random",
            "FP32 dims: [ 4, 4, 3 ] random",
            Severity.ERROR,
            "gives 'pixels' as TYPE_FP32",
        ),
        (
            "dims: [ 4, 4, 3 ] random",
            "dims: [ 4, 4 ] random",
            Severity.ERROR,
            "TYPE_UINT8 [4, 4], not TYPE_UINT8 [4, 4, 3]",
        ),
        ("random_data: true", 'input_data_file: "none"', Severity.ERROR, "the file is missing"),
    ],
    ids=["over the largest batch", "no size", "another type", "other dims", "no file"],
)
def test_a_sample_that_the_model_would_not_take_is_named(
    disk: OnDisk, old: str, new: str, severity: Severity, problem: str
) -> None:
    disk.change("net", old, new)
    finding = only(disk)
    assert finding.severity is severity
    assert problem in finding.problem


def test_a_sample_for_another_input_is_named_and_so_is_the_one_it_lacks(disk: OnDisk) -> None:
    disk.change("net", 'key: "pixels"', 'key: "pixel"')
    lacking, other = warm_up.check(disk.read())
    assert lacking.problem == "warm-up 'one' has no input 'pixels'"
    assert other.problem == "warm-up 'one' has an input 'pixel', but the model has pixels"


def test_a_sample_may_go_without_an_optional_input(disk: OnDisk) -> None:
    disk.change("net", "input [", 'input [ { name: "user" data_type: TYPE_STRING dims: [ 1 ] optional: true },')
    assert not list(warm_up.check(disk.read()))


def test_a_sample_gives_a_size_to_a_dim_of_any(disk: OnDisk) -> None:
    disk.change("net", "dims: [ 4, 4, 3 ]", "dims: [ -1, 4, 3 ]")
    assert not list(warm_up.check(disk.read()))


def test_a_router_is_not_warmed_up_since_its_arms_may_not_be_loaded(disk: OnDisk) -> None:
    disk.change("net", "onnxruntime", "router")
    assert only(disk).problem.startswith("a router's warm-up calls its arms")
    path = disk.net / "config.pbtxt"
    path.write_text(path.read_text().partition("model_warmup")[0])
    assert not list(warm_up.check(disk.read()))


def test_strings_of_no_content_are_named(disk: OnDisk) -> None:
    disk.change("preprocess", 'input_data_file: "photo"', "zero_data: true")
    assert only(disk).problem.startswith("warm-up 'one' sends empty strings as 'image'")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "expected 1 string, each after its length, got 0"),
        (b"\xff\xd8\xff\xe0 a picture as it is", "expected 1 string, each after its length, got bytes of another form"),
        (b"\x01\x00", "expected 1 string, each after its length, got bytes of another form"),
        (b"\x01\x00\x00\x00a\x01\x00\x00\x00b", "expected 1 string, each after its length, got 2"),
    ],
    ids=["empty", "no length", "cut short", "two"],
)
def test_a_file_of_strings_that_does_not_add_up_is_named(disk: OnDisk, content: bytes, problem: str) -> None:
    disk.add("preprocess", files={"warmup/photo": content})
    finding = only(disk)
    assert finding.path == disk.preprocess / "warmup" / "photo"
    assert problem in finding.problem


def test_a_file_of_numbers_has_at_least_the_tensors_bytes(disk: OnDisk) -> None:
    disk.change("net", "random_data: true", 'input_data_file: "pixels"')
    disk.add("net", files={"warmup/pixels": bytes(47)})
    assert only(disk).problem == "expected 48 bytes, got 47"
    disk.add("net", files={"warmup/pixels": bytes(48)})
    assert not list(warm_up.check(disk.read()))
