from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cronnx_server.build_models.torch_weights import WeightsFileError, read_state_dict
from tests.unit.cronnx_server.build_models import legacy_pth
from tests.unit.cronnx_server.build_models.legacy_pth import View

SIX = {"key": np.arange(6, dtype=np.float32)}
WHOLE = View("key", (2, 3), (3, 1))


def read(folder: Path, content: bytes) -> dict[str, npt.NDArray[Any]]:
    path = folder / "weights.pth"
    path.write_bytes(content)
    return read_state_dict(path)


def test_tensors_come_back_by_name_with_their_shapes_dtypes_and_elements(tmp_path: Path) -> None:
    storages = {"1": np.arange(6, dtype=np.float32), "2": np.array([-(2**40)])}
    views = {"layer.weight": View("1", (2, 3), (3, 1)), "layer.num_batches_tracked": View("2", (), ())}
    found = read(tmp_path, legacy_pth.legacy_pth(views, storages))
    assert list(found) == list(views)
    assert found["layer.weight"].dtype == np.float32
    assert found["layer.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["layer.num_batches_tracked"].dtype == np.int64
    assert found["layer.num_batches_tracked"].shape == ()
    assert found["layer.num_batches_tracked"] == -(2**40)


def test_tensors_may_share_a_storage_and_lie_in_it_in_any_order(tmp_path: Path) -> None:
    views = {
        "whole": WHOLE,
        "transposed": View("key", (3, 2), (1, 3)),
        "second_column": View("key", (2,), (3,), offset=1),
        "repeated": View("key", (2, 2), (0, 1), offset=4),
        "empty": View("key", (0, 3), (3, 1)),
    }
    found = read(tmp_path, legacy_pth.legacy_pth(views, SIX))
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "whole": [[0, 1, 2], [3, 4, 5]],
        "transposed": [[0, 3], [1, 4], [2, 5]],
        "second_column": [1, 4],
        "repeated": [[4, 5], [4, 5]],
        "empty": [],
    }


@pytest.mark.parametrize(
    "view",
    [
        View("key", (7,), (1,)),
        View("key", (2,), (6,)),
        View("key", (6,), (1,), offset=1),
        View("key", (1,), (1,), offset=-1),
        View("key", (1,), (1,), offset=2**40),
        View("key", (2,), (-1,)),
    ],
    ids=["shape", "stride", "offset", "negative offset", "far offset", "negative stride"],
)
def test_a_tensor_that_leaves_its_storage_is_refused(tmp_path: Path, view: View) -> None:
    with pytest.raises(WeightsFileError, match="strides is incompatible with shape"):
        read(tmp_path, legacy_pth.legacy_pth({"name": view}, SIX))


@pytest.mark.parametrize("place", ["magic number", "state dictionary"])
def test_a_file_that_names_a_function_is_refused_and_nothing_runs(tmp_path: Path, place: str) -> None:
    ran = tmp_path / "ran"
    call = legacy_pth.name_of("os", "system") + legacy_pth.call(legacy_pth.text(f"touch {ran}"))
    content = legacy_pth.program(call) if place == "magic number" else legacy_pth.file_of(call, SIX)
    with pytest.raises(WeightsFileError, match=r"expected tensors only, got os\.system"):
        read(tmp_path, content)
    assert not ran.exists()


def test_the_file_that_is_refused_would_have_run_its_function_under_plain_pickle(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    call = legacy_pth.name_of("os", "system") + legacy_pth.call(legacy_pth.text(f"touch {ran}"))
    pickle.loads(legacy_pth.program(call))  # noqa: S301 - that it runs is the point
    assert ran.exists()


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    content = legacy_pth.legacy_pth({"name": WHOLE}, SIX)
    assert read(tmp_path, content)
    for length in range(len(content)):
        with pytest.raises(WeightsFileError, match=r"^weights\.pth: expected a legacy PyTorch state dictionary: "):
            read(tmp_path, content[:length])


def test_another_magic_number_is_refused(tmp_path: Path) -> None:
    content = legacy_pth.legacy_pth({"name": WHOLE}, SIX)
    true_magic = pickle.dumps(legacy_pth.MAGIC_NUMBER, 2)
    assert content.startswith(true_magic)
    with pytest.raises(WeightsFileError, match="expected magic number 0x1950a86a20f9469cfc6c, got 7"):
        read(tmp_path, pickle.dumps(7, 2) + content.removeprefix(true_magic))


def test_a_storage_of_another_size_than_announced_is_refused(tmp_path: Path) -> None:
    state = legacy_pth.ordered_dict({"name": legacy_pth.tensor(WHOLE, SIX, count=7)})
    with pytest.raises(WeightsFileError, match="expected a storage of 7 elements, got 6"):
        read(tmp_path, legacy_pth.file_of(state, SIX))


def test_a_storage_that_no_tensor_names_is_refused(tmp_path: Path) -> None:
    state = legacy_pth.ordered_dict({"name": legacy_pth.tensor(WHOLE, SIX)})
    with pytest.raises(WeightsFileError, match="stray"):
        read(tmp_path, legacy_pth.file_of(state, {**SIX, "stray": SIX["key"]}))


def test_a_parameter_that_is_no_tensor_is_refused_by_name(tmp_path: Path) -> None:
    state = legacy_pth.ordered_dict({"epoch": legacy_pth.integer(3)})
    with pytest.raises(WeightsFileError, match="expected a tensor as epoch, got int"):
        read(tmp_path, legacy_pth.file_of(state, {}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 as PyTorch has saved since 1.6",
        legacy_pth.file_of(legacy_pth.integer(3), {}),
        legacy_pth.file_of(legacy_pth.ordered_dict({"name": legacy_pth.tensor(WHOLE, SIX, count=2**60)}), SIX),
        legacy_pth.file_of(legacy_pth.ordered_dict({"name": legacy_pth.tensor(WHOLE, SIX, count=2**50)}), SIX),
        legacy_pth.file_of(legacy_pth.ordered_dict({"name": legacy_pth.tensor(WHOLE, SIX, count=-1)}), SIX),
        legacy_pth.file_of(
            legacy_pth.name_of("torch._utils", "_rebuild_tensor_v2")
            + legacy_pth.call(legacy_pth.text("no storage"), *map(legacy_pth.integer, (0, 0, 0))),
            {},
        ),
    ],
    ids=["empty", "zip", "no dictionary", "more than can be counted", "more than memory", "negative", "no storage"],
)
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WeightsFileError):
        read(tmp_path, content)
