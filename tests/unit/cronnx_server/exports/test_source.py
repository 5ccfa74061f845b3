from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.source import read_source
from tests.unit.cronnx_server.exports.exported import write_model

WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)


def write_external(
    folder: Path, *, location: str = "model.onnx_data", offset: int = 0, stored: int | None = None
) -> None:
    """Write a model whose weights, one in a branch, are in another file."""
    content = WEIGHTS.tobytes()
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, WEIGHTS.shape, content, raw=True) for name in ("w", "inner")]
    for tensor in tensors:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, "offset": offset, "length": len(content)}.items():
            tensor.external_data.add(key=key, value=str(value))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Constant", [], ["unused"], value=tensors[1]),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(helper.make_graph(nodes, "net", [image], [output], tensors[:1]))
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    if ".." not in location and not location.startswith("/"):
        (folder / location).write_bytes((b"\0" * offset + content)[:stored])


def weights(model: onnx.ModelProto) -> list[np.ndarray]:
    return [
        numpy_helper.to_array(tensor) for tensor in (model.graph.initializer[0], model.graph.node[1].attribute[0].t)
    ]


def test_a_file_is_read_with_its_metadata_and_checksum(tmp_path: Path) -> None:
    path = write_model(tmp_path, metadata={"author": "me"}, name="net.onnx")
    source = read_source(path)
    assert (source.name, source.metadata, source.not_taken) == ("net.onnx", {"author": "me"}, ())
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("offset", [0, 64])
def test_weights_in_another_file_are_read(tmp_path: Path, offset: int) -> None:
    write_external(tmp_path, offset=offset)
    source = read_source(tmp_path)
    for tensor in weights(source.model):
        np.testing.assert_array_equal(tensor, WEIGHTS)
    assert source.sha256 == hashlib.sha256(source.model.SerializeToString()).hexdigest()


def test_files_that_are_links_into_the_hubs_cache_are_read(tmp_path: Path) -> None:
    write_external(tmp_path / "blobs")
    snapshot = tmp_path / "snapshots" / "abc"
    (snapshot / "onnx").mkdir(parents=True)
    (tmp_path / "blobs" / "configuration").write_text('{"model_type": "vit"}')
    (snapshot / "config.json").symlink_to("../../blobs/configuration")
    for name in ("model.onnx", "model.onnx_data"):
        (snapshot / "onnx" / name).symlink_to(f"../../../blobs/{name}")
    for path in (snapshot, snapshot / "onnx", snapshot / "onnx" / "model.onnx"):
        source = read_source(path)
        np.testing.assert_array_equal(weights(source.model)[0], WEIGHTS)
        assert source.json("config.json") == {"model_type": "vit"}


@pytest.mark.parametrize("location", ["../weights", "/etc/passwd", "a/../../weights", "C:\\weights", "..\\weights"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    write_external(tmp_path, location=location)
    with pytest.raises(ModelFileError, match=r"w: expected external data beside the model, got the path"):
        read_source(tmp_path)


def test_missing_weights_are_refused_with_their_name(tmp_path: Path) -> None:
    write_external(tmp_path)
    (tmp_path / "model.onnx_data").unlink()
    with pytest.raises(ModelFileError, match=r"expected the external data file model\.onnx_data beside the model"):
        read_source(tmp_path)


def test_weights_that_are_cut_short_are_refused(tmp_path: Path) -> None:
    write_external(tmp_path, stored=20)
    with pytest.raises(ModelFileError, match=r"model\.onnx_data: expected 48 bytes or more, got 20; .* cut short"):
        read_source(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xd8 a picture", b"\x08", b""])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"^net\.onnx is not an ONNX file, or"):
        read_source(tmp_path / "net.onnx")


def test_a_model_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelFileError, match=r"^model\.onnx is not an ONNX file, or is cut short"):
        read_source(path)


def test_a_pointer_of_git_lfs_is_refused_with_the_command_that_gets_the_file(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n")
    with pytest.raises(ModelFileError, match=r"pointer of Git LFS; run git lfs pull"):
        read_source(tmp_path / "net.onnx")


def test_dimensions_below_0_are_variable(tmp_path: Path) -> None:
    path = write_model(tmp_path, image=(-1, 3, -1, -1))
    dims = read_source(path).model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.HasField("dim_value") for dim in dims] == [False, True, False, False]


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"cannot read .*net\.onnx: No such file"):
        read_source(tmp_path / "net.onnx")


FOLDERS = {
    "the only one": (["net.onnx"], "net.onnx"),
    "in its own folder": (["onnx/model.onnx"], "model.onnx"),
    "variants": (["model.onnx", "model_quantized.onnx", "model_fp16.onnx"], "model.onnx"),
    "of MMDeploy": (["end2end.onnx", "end2end_int8.onnx"], "end2end.onnx"),
    "named as the folder": (["yolo/yolo.onnx", "yolo/yolo_int8.onnx"], "yolo.onnx"),
}


@pytest.mark.parametrize(("names", "taken"), FOLDERS.values(), ids=FOLDERS)
def test_the_model_of_a_folder_is_found(tmp_path: Path, names: list[str], taken: str) -> None:
    for name in names:
        write_model((tmp_path / name).parent, name=Path(name).name)
    folder = tmp_path / "yolo" if names[0].startswith("yolo/") else tmp_path
    source = read_source(folder)
    assert source.name == taken
    assert {source.name, *source.not_taken} == {Path(name).name for name in names}


def test_a_folder_of_several_models_is_refused_with_their_names(tmp_path: Path) -> None:
    for name in ("vision_model.onnx", "text_model.onnx"):
        write_model(tmp_path, name=name)
    with pytest.raises(ModelFileError, match=r"expected one ONNX file .*, got text_model\.onnx, vision_model\.onnx"):
        read_source(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"expected an ONNX file in this folder, got none"):
        read_source(tmp_path)


def test_side_files_of_other_folders_are_not_read(tmp_path: Path) -> None:
    write_model(tmp_path / "net")
    (tmp_path / "secret.txt").write_text("secret")
    assert read_source(tmp_path / "net").text("../secret.txt") is None
