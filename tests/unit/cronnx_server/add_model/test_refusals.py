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

NO_CLASSIFIERS = {
    "grayscale": (
        graphs.classifier(channels=1),
        r"expected an input FP32 .*, got 'image' FP32 \[-1, 1, 32, 32\]; .*--raw",
    ),
    "video": (
        graphs.identity(["N", 2, 3, 8, 8]),
        r"expected an output FP32 .*, got 'y0' FP32 \[-1, 2, 3, 8, 8\]; .*--raw",
    ),
    "two inputs": (graphs.sum_of_two(), r"with one input, got 2 \(left, right\); .*--raw"),
    "two outputs": (graphs.identity(["N", 3, 8, 8], outputs=2), r"with one output, got 2 \(y0, y1\); .*--raw"),
    "integers": (graphs.identity(["N", 3, 8, 8], TensorProto.INT64), r"expected an FP32 input, got 'x' INT64 .*--raw"),
    "no square": (graphs.classifier(size=32, width=48), r"expected square images, got a graph for 32x48; .*--raw"),
    "any size": (
        graphs.classifier(size="side"),
        r"expected a graph with a fixed image size, got .*; choose it with --size",
    ),
    "one class": (graphs.classifier(classes=1), r"exclusive classes, got independent ones \(classes: 1\); .*--raw"),
    "independent classes": (graphs.classifier(last="Sigmoid"), r"exclusive classes, got independent ones .*--raw"),
    "scores that are no numbers": (
        graphs.classifier(last="Log"),
        r"expected finite scores from mine\.onnx, got infinity or NaN; check --mean",
    ),
    "a batch that is mixed": (
        graphs.batch_mean(),
        r"takes batches, got one that scores two images at once differently .*--raw",
    ),
    "a batch that is fixed": (graphs.one_image(), r"takes batches, got one that fails for two images at once .*--raw"),
}

NO_MODELS = {
    "a type Triton has not": (
        graphs.identity(["N", 3], TensorProto.BFLOAT16),
        r"expected one of tensor.* got tensor\(bfloat16\)",
    ),
    "an unknown operator": (graphs.identity(["N", 3], operator="Foo"), r"cannot load it: .*No Op registered for Foo"),
    "a newer opset": (graphs.classifier(opset=99), r"expected opset \d+ of ai\.onnx or older, .* got opset 99; export"),
    "a newer IR": (graphs.classifier(ir_version=99), r"cannot load it: Unsupported model IR version: 99"),
}

NO_FILES = {
    "text": b"no graph at all",
    "nothing": b"",
    "half a file": graphs.classifier().SerializeToString()[:700],
}

OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "another size": ({"size": 64}, r"for images of 64x64, got one for 32x32; correct --size"),
    "too large a batch": (
        {"max_batch_size": 64},
        r"expected --max-batch-size up to 32, the limit of preprocess_32, got 64",
    ),
    "other labels": ({"labels": "imagenet"}, r"imagenet: expected 7 labels, .*, got 1000; pass a matching --labels"),
    "no labels": ({"labels": "nowhere.txt"}, r"cannot read nowhere\.txt: No such file"),
}

NAMES = ["", ".", "..", "../up", "a/b", "-first", "_first", "white space", "ünïcode", "x" * 65, "new\nline", "a.b"]


@pytest.mark.parametrize(("model", "reason"), NO_CLASSIFIERS.values(), ids=NO_CLASSIFIERS)
def test_a_graph_that_is_no_classifier(repositories: Repositories, model: ModelProto, reason: str) -> None:
    assert re.search(reason, refused(repositories, model))


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
    assert refused(repositories, tmp_path) == f"cannot read {tmp_path}: Is a directory"


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
    for name, place in (("preprocess_32", "model_repository/preprocess_32"), ("wired", "ensembles/wired")):
        assert f"{place} exists already; choose another --name" in refused(repositories, graphs.classifier(), name=name)


@pytest.mark.parametrize(
    ("came", "changed", "reason"),
    [
        ("TYPE_UINT8", "TYPE_FP32", r"expected UINT8 pixels \[32, 32, 3\] from preprocess_32; rename"),
        ('"shortest_edge"', '"7"', r"cannot add mine\.onnx: parameter 'resize': expected one of .* got '7'"),
    ],
)
def test_a_preprocess_model_that_will_not_do(repositories: Repositories, came: str, changed: str, reason: str) -> None:
    added(repositories, graphs.classifier(), name="other")
    config = repositories.models / "preprocess_32" / "config.pbtxt"
    config.write_text(config.read_text().replace(came, changed))
    assert re.search(reason, refused(repositories, graphs.classifier()))


NEXT_VERSIONS: dict[str, tuple[ModelProto, dict[str, Any], str]] = {
    "other classes": (graphs.classifier(classes=8), {}, r"expected 7 classes like the versions of mine, got 8"),
    "another size": (graphs.classifier(size=48), {}, r"for images of 32x32, got one for 48x48; .* export"),
    "a size asked": (graphs.classifier(), {"size": 48}, r"expected --size 32, the size of mine_onnx, got 48"),
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
    assert "serves unchanged graphs; add its next version with --raw" in refused(repositories, graphs.classifier())


def test_a_version_of_a_model_that_is_not_built(repositories: Repositories) -> None:
    added(repositories, graphs.classifier())
    (repositories.models / "mine_onnx" / "1" / "model.onnx").unlink()
    assert "has no model file from which to take mean" in refused(repositories, graphs.classifier())


def test_a_raw_graph_of_a_fixed_batch_that_is_to_take_batches(repositories: Repositories) -> None:
    line = refused(repositories, graphs.identity([1, 3]), raw=True, max_batch_size=4)
    assert "for --max-batch-size 4, got a fixed one in mine.onnx; omit" in line


def test_a_raw_graph_that_fails(repositories: Repositories) -> None:
    assert "fails on zeros: " in refused(repositories, graphs.wrong_reshape(), raw=True)
