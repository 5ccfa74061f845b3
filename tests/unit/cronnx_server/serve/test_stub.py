from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from cronnx_server.errors import SetupError
from cronnx_server.serve import stub


@pytest.fixture
def stubs(served: Path) -> Path:
    return served / "python_backend_stubs"


def test_the_copy_for_numpy_2_differs_in_five_bytes(stubs: Path) -> None:
    original = (stubs / "3.13" / stub.NAME).read_bytes()
    changed = stub.for_numpy_2(original)
    assert len(changed) == len(original)
    differing = {place: pair for place, pair in enumerate(zip(original, changed, strict=True)) if pair[0] != pair[1]}
    assert differing == dict.fromkeys((0xA6C74, 0xA6E90, 0xA7664, 0xA78A9, 0xACA2B), (32, 40))


@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_another_file_is_not_changed(stubs: Path, version: str) -> None:
    with pytest.raises(SetupError, match=r"expected a stub with SHA-256 7b701b4b4bc0…, got [0-9a-f]{12}…"):
        stub.for_numpy_2((stubs / version / stub.NAME).read_bytes())


def test_one_byte_more_is_another_file(stubs: Path) -> None:
    with pytest.raises(SetupError, match="expected a stub with SHA-256"):
        stub.for_numpy_2((stubs / "3.13" / stub.NAME).read_bytes() + b"\0")


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12)])
def test_a_python_with_numpy_1_has_the_wheels_own_stub(stubs: Path, version: tuple[int, int], tmp_path: Path) -> None:
    found = stub.stub(stubs, tmp_path / "made", version=version)
    assert found == stubs / f"3.{version[1]}" / stub.NAME
    assert not any(tmp_path.iterdir())


def test_python_3_13_has_the_copy(stubs: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert stub.stub(stubs, made, version=(3, 13)) == made
    assert made.read_bytes() == stub.for_numpy_2((stubs / "3.13" / stub.NAME).read_bytes())
    assert os.access(made, os.X_OK)
    assert list(tmp_path.iterdir()) == [made]


def test_the_copy_is_made_once(stubs: Path, tmp_path: Path) -> None:
    (tmp_path / "made").write_text("made before")
    assert stub.stub(stubs, tmp_path / "made", version=(3, 13)).read_text() == "made before"


def test_a_python_that_the_wheel_has_no_stub_for_is_named(stubs: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"the server has no Python stub for 3\.14"):
        stub.stub(stubs, tmp_path / "made", version=(3, 14))


def test_a_library_that_the_loader_misses_is_named_with_what_to_install(stubs: Path, tmp_path: Path) -> None:
    """Outside its wheel a stub does not find the libraries of the wheel."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    moved = shutil.copy(stubs / version / stub.NAME, tmp_path)
    with pytest.raises(
        SetupError, match=rf"stub needs lib\S+\.so\S*, which is not .*: apt-get install libpython{version}"
    ):
        stub.check(Path(moved), {"LD_LIBRARY_PATH": ""})


def test_a_program_that_finds_its_libraries_passes() -> None:
    stub.check(Path("/bin/true"), {})


def test_a_stub_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "stub").touch(mode=0o644)
    with pytest.raises(SetupError, match=r"cannot run .*/stub: Permission denied"):
        stub.check(tmp_path / "stub", {})
