from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server import packages
from cronnx_server.errors import SetupError
from tests.unit.cronnx_server.conftest import WriteWheel

RETRYING = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken "
    "by '{}': /simple/numpy/\n"
)
UNMATCHED = (
    "ERROR: Could not find a version that satisfies the requirement numpy==1.26.4 (from versions: none)\n"
    "ERROR: No matching distribution found for numpy==1.26.4\n"
)
TAMPERED = (
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package "
    "versions, please update the hashes. Otherwise, examine the package contents carefully; someone may have tampered "
    "with them.\n    toy from file:///toy-1.0-py3-none-any.whl:\n        Expected sha256 73cb\n             Got  3992\n"
)
TRACEBACK = 'ERROR: Exception:\nTraceback (most recent call last):\n  File "base_command.py", line 180, in run\n{}\n'


NO_SPACE = "[Errno 28] No space left on device"
NO_CONNECTION = (
    "NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7fce55fd39d0>: "
    "Failed to establish a new connection: {}')"
)


@pytest.mark.parametrize(
    "log",
    [
        RETRYING.format(NO_CONNECTION.format("[Errno -2] Name or service not known")) + UNMATCHED,
        RETRYING.format(NO_CONNECTION.format("[Errno 111] Connection refused")) + UNMATCHED,
        RETRYING.format('ReadTimeoutError("HTTPSConnectionPool: Read timed out. (read timeout=15)")') + UNMATCHED,
        RETRYING.format("ProxyError('Cannot connect to proxy.', OSError('Tunnel failed'))") + UNMATCHED,
        TRACEBACK.format("pip._vendor.urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(9)', 9)"),
    ],
    ids=["no name resolution", "refused", "timed out", "proxy", "broken off"],
)
def test_no_way_to_the_index_is_told_from_its_having_no_such_file(log: str) -> None:
    assert packages.cause(log).startswith("the package index cannot be reached; connect to the network")
    assert packages.cause(UNMATCHED).startswith("the package index has no such file for this machine; x86-64 Linux")


@pytest.mark.parametrize("before", ["", RETRYING.format(NO_CONNECTION.format("[Errno 101] Network is unreachable"))])
def test_another_hash_is_the_cause_whatever_came_before(before: str) -> None:
    assert packages.cause(before + TAMPERED).startswith("a downloaded file is not the locked one")


@pytest.mark.parametrize(
    "log",
    [
        f"ERROR: Could not install packages due to an OSError: {NO_SPACE}\n",
        TRACEBACK.format(f"shutil.Error: [('a', 'b', \"{NO_SPACE}: 'a' -> 'b'\")]"),
    ],
    ids=["error", "traceback"],
)
def test_a_full_disk_is_a_cause(log: str) -> None:
    assert packages.cause(log) == "no space left on the disk; free some and start again"


def test_a_python_without_pip_is_a_cause() -> None:
    assert packages.cause("/usr/bin/python3: No module named pip\n").startswith("this Python has no pip; install it")


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("WARNING: of no account\nERROR: Invalid requirement: '='\n", "Invalid requirement: '='"),
        (TRACEBACK.format("PermissionError: [Errno 13] Permission denied: 'lib'"), "PermissionError: [Errno 13] Perm"),
        ("Segmentation fault\n\n", "Segmentation fault"),
        ("", "pip failed without a reason"),
    ],
    ids=["error", "traceback", "no error of pip's", "nothing"],
)
def test_of_any_other_failure_the_last_line_that_says_something_is_shown(log: str, cause: str) -> None:
    assert packages.cause(log).startswith(cause)
    assert "\n" not in packages.cause(log)


def test_a_package_is_unpacked_into_a_folder(tmp_path: Path, write_wheel: WriteWheel) -> None:
    folder = tmp_path / "made" / "toy"
    packages.install_folder(write_wheel("ANSWER = 42\n"), folder, what="toy")
    assert (folder / "toy" / "__init__.py").read_text() == "ANSWER = 42\n"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_package_that_is_there_is_not_unpacked_again(tmp_path: Path, write_wheel: WriteWheel) -> None:
    requirement, module = write_wheel("ANSWER = 42\n"), tmp_path / "toy" / "toy" / "__init__.py"
    packages.install_folder(requirement, tmp_path / "toy", what="toy")
    module.write_text("ANSWER = 'untouched'\n")
    packages.install_folder(requirement, tmp_path / "toy", what="toy")
    assert module.read_text() == "ANSWER = 'untouched'\n"


def test_a_package_takes_the_place_of_another(tmp_path: Path, write_wheel: WriteWheel) -> None:
    packages.install_folder(write_wheel("ANSWER = 42\n"), tmp_path / "toy", what="toy")
    packages.install_folder(write_wheel("ANSWER = 43\n"), tmp_path / "toy", what="toy")
    assert (tmp_path / "toy" / "toy" / "__init__.py").read_text() == "ANSWER = 43\n"


def test_a_package_of_another_hash_leaves_nothing_behind(tmp_path: Path, write_wheel: WriteWheel) -> None:
    requirement = write_wheel("ANSWER = 42\n")
    write_wheel("ANSWER = 43\n")
    folder = tmp_path / "made" / "toy"
    with pytest.raises(SetupError, match="cannot install toy: a downloaded file is not the locked one"):
        packages.install_folder(requirement, folder, what="toy")
    assert not any(folder.parent.iterdir())


def test_a_package_without_a_hash_is_refused(tmp_path: Path, write_wheel: WriteWheel) -> None:
    requirement, _, _ = write_wheel("ANSWER = 42\n").partition(" --hash")
    with pytest.raises(SetupError, match="cannot install toy: "):
        packages.install_folder(requirement, tmp_path / "made" / "toy", what="toy")
    assert not any((tmp_path / "made").iterdir())


def test_what_an_interrupted_try_left_is_no_part_of_the_next(tmp_path: Path, write_wheel: WriteWheel) -> None:
    folder = tmp_path / "made" / "toy"
    leftover = tmp_path / "made" / "toy.partial" / "toy" / "half.py"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    packages.install_folder(write_wheel("ANSWER = 42\n"), folder, what="toy")
    assert [path.name for path in (folder / "toy").iterdir()] == ["__init__.py"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_package_that_is_not_there_is_named_with_its_cause(tmp_path: Path) -> None:
    requirement = f"toy @ {(tmp_path / 'absent.whl').as_uri()} --hash=sha256:{'0' * 64}"
    with pytest.raises(SetupError, match=r"cannot install toy: .*absent\.whl"):
        packages.install_folder(requirement, tmp_path / "toy", what="toy")


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot install toy: No such file or directory: .*/python"):
        packages.install(["toy"], what="toy", python=tmp_path / "python")


def test_the_progress_of_pip_is_shown(
    tmp_path: Path, write_wheel: WriteWheel, capsys: pytest.CaptureFixture[str]
) -> None:
    packages.install_folder(write_wheel(""), tmp_path / "toy", what="toy")
    assert "Installing collected packages: toy" in capsys.readouterr().err
