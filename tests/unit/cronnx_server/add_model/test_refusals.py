"""A file that cannot be served is refused in one line, and nothing is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import ModelProto, TensorProto

from cronnx_server.add_model.placement import Repositories
from tests.unit.cronnx_server.add_model import graphs
from tests.unit.cronnx_server.add_model.additions import added, refused

NO_IMAGE_MODELS = {
    "grayscale": (
        graphs.classifier(channels=1),
        r"expected one image input of three channels, .*, got 'image' FLOAT \['N', 1, 32, 32\]; .*--raw",
    ),
    "video": (graphs.identity(["N", 2, 3, 8, 8]), r"expected one image input of three channels, .*--raw"),
    "two inputs": (graphs.sum_of_two(), r"expected one image input of three channels, .*'left' .*'right' .*--input"),
    "two outputs": (graphs.identity(["N", 3, 8, 8], outputs=2), r"expected one reading of the outputs, .*--output"),
    "integers": (graphs.identity(["N", 3, 8, 8], TensorProto.INT64), r"expected one image input .*'x' INT64 .*--raw"),
    "one number": (graphs.classifier(classes=1), r"got one number for each image in 'answer'; a regression is .*--raw"),
    "no labels": (graphs.classifier(), r"--labels", {"labels": None}),
    "scores that are no numbers": (
        graphs.classifier(last="Log"),
        r"expected finite numbers in 'answer' for photographs, .*--mean",
    ),
}

NO_MODELS = {
    "an unknown operator": (
        graphs.classifier(last="Foo"),
        r"ONNX Runtime \S+ cannot load the graph: .*No Op registered for Foo",
    ),
    "a newer opset": (graphs.classifier(opset=99), r"expected opset \d+ of ai\.onnx or older, .* got opset 99; export"),
    "a newer IR": (
        graphs.classifier(ir_version=99),
        r"cannot load the graph: Unsupported model IR version: 99",
    ),
}

NO_FILES = {
    "text": b"no graph at all",
    "nothing": b"",
    "half a file": graphs.classifier().SerializeToString()[:700],
}

OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "another size": ({"size": (64, 64)}, r"expected images of 32x32 as in the graph, got 64x64 .*--size 32"),
    "too large a batch": (
        {"max_batch_size": 64},
        r"expected --max-batch-size up to 32, the limit of preprocess_32_shortest_edge, got 64",
    ),
    "other labels": ({"labels": "imagenet"}, r"imagenet: expected 7 labels, .*, got 1000; pass a matching --labels"),
    "no labels": ({"labels": "nowhere.txt"}, r"cannot read nowhere\.txt: No such file"),
}

NAMES = ["", ".", "..", "../up", "a/b", "-first", "_first", "white space", "ünïcode", "x" * 65, "new\nline", "a.b"]


@pytest.mark.parametrize("case", NO_IMAGE_MODELS.values(), ids=NO_IMAGE_MODELS)
def test_a_graph_without_an_image_or_an_answer(repositories: Repositories, case: tuple[Any, ...]) -> None:
    model, reason, *options = case
    assert re.search(reason, refused(repositories, model, **(options[0] if options else {})))


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(("model", "reason"), NO_MODELS.values(), ids=NO_MODELS)
def test_a_graph_that_onnx_runtime_or_triton_does_not_support(
    repositories: Repositories, model: ModelProto, reason: str, raw: bool
) -> None:
    line = refused(repositories, model, raw=raw)
    assert re.search(reason, line)
    assert "/onnxruntime_src/" not in line


@pytest.mark.parametrize("content", NO_FILES.values(), ids=NO_FILES)
def test_a_file_that_is_no_graph(repositories: Repositories, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.onnx").write_bytes(content)
    assert "mine.onnx is not an ONNX file" in refused(repositories, tmp_path / "mine.onnx")


def test_a_file_that_is_not_there(repositories: Repositories, tmp_path: Path) -> None:
    assert (
        refused(repositories, tmp_path / "none.onnx") == f"cannot read {tmp_path}/none.onnx: No such file or directory"
    )
    assert "expected an ONNX file in this folder, got none" in refused(repositories, tmp_path)


def test_a_graph_without_the_weights_that_belong_beside_it(repositories: Repositories, tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    onnx.save(graphs.classifier(), path, save_as_external_data=True, location="large.data", size_threshold=0)
    (tmp_path / "large.data").unlink()
    assert "large.data" in refused(repositories, path)


def test_weights_outside_the_folder_of_the_graph(repositories: Repositories, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    onnx.save(
        graphs.classifier(), tmp_path / "g.onnx", save_as_external_data=True, location="large.data", size_threshold=0
    )
    moved = (tmp_path / "g.onnx").read_bytes().replace(b"large.data", b"../large.d")
    (tmp_path / "large.data").rename(tmp_path / "large.d")
    (tmp_path / "inside" / "mine.onnx").write_bytes(moved)
    assert "large.d" in refused(repositories, tmp_path / "inside" / "mine.onnx")


@pytest.mark.parametrize(("options", "reason"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_do_not_fit_the_graph(repositories: Repositories, options: dict[str, Any], reason: str) -> None:
    assert re.search(reason, refused(repositories, graphs.classifier(), **options))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_folders(repositories: Repositories, name: str) -> None:
    assert "expected up to 64 letters, digits" in refused(repositories, graphs.classifier(), name=name)


def test_a_name_that_is_another_models(repositories: Repositories) -> None:
    added(repositories, graphs.classifier())
    (repositories.ensembles / "wired" / "1").mkdir(parents=True)
    for name, place in (
        ("preprocess_32_shortest_edge", "model_repository/preprocess_32_shortest_edge"),
        ("wired", "ensembles/wired"),
    ):
        assert f"{place} exists already; choose another --name" in refused(repositories, graphs.classifier(), name=name)


def test_a_preprocess_model_that_cannot_be_read(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(), name="other")
    config = repositories.models / "preprocess_32_shortest_edge" / "config.pbtxt"
    config.write_text(config.read_text().replace('"shortest_edge"', '"7"'))
    assert re.search(
        r"preprocess_32_shortest_edge/config\.pbtxt: parameter 'resize': expected one of .* got '7'",
        refused(repositories, graphs.classifier()),
    )


NEXT_VERSIONS: dict[str, tuple[ModelProto, dict[str, Any], str]] = {
    "other classes": (graphs.classifier(classes=8), {}, r"version 1 of mine: expected 8 labels, .*, got 7"),
    "another size": (
        graphs.classifier(size=48),
        {},
        r"expected images of 48x48 as in the graph, got 32x32 .*version 1",
    ),
    "another recipe": (
        graphs.classifier(),
        {"resize": "letterbox"},
        r"expected the preprocessing of the versions of mine, .*, got .*letterbox.*; choose another --name",
    ),
    "another task": (graphs.classifier(last="Sigmoid"), {"task": "multi_label"}, r"expected the task of the versions"),
    "a batch asked": (graphs.classifier(), {"max_batch_size": 8}, r"config\.pbtxt has the batch size"),
    "a graph as it is": (
        graphs.classifier(),
        {"raw": True},
        r"expected the inputs and outputs of mine_onnx/config\.pbtxt: .*'image'",
    ),
}


@pytest.mark.parametrize(("model", "options", "reason"), NEXT_VERSIONS.values(), ids=NEXT_VERSIONS)
def test_a_version_that_is_unlike_the_first(
    repositories: Repositories, model: ModelProto, options: dict[str, Any], reason: str
) -> None:
    added(repositories, graphs.classifier())
    assert re.search(reason, refused(repositories, model, **options))


def test_a_classifier_as_a_version_of_a_graph_that_is_served_as_it_is(repositories: Repositories) -> None:
    added(repositories, graphs.classifier(), raw=True)
    assert "if it serves an unchanged graph, add its next version with --raw" in refused(
        repositories, graphs.classifier()
    )


def test_a_version_of_a_model_that_is_not_built(repositories: Repositories) -> None:
    added(repositories, graphs.classifier())
    (repositories.models / "mine_onnx" / "1" / "model.onnx").unlink()
    assert "has no model file from which to take labels" in refused(repositories, graphs.classifier())


def test_a_raw_graph_of_a_fixed_batch_that_is_to_take_batches(repositories: Repositories) -> None:
    line = refused(repositories, graphs.identity([1, 3]), raw=True, max_batch_size=4)
    assert "for --max-batch-size 4, got a fixed one in mine.onnx; omit" in line


def test_a_raw_graph_that_fails(repositories: Repositories) -> None:
    assert "fails on zeros: " in refused(repositories, graphs.wrong_reshape(), raw=True)
