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
UV_HASH = """\
error: Failed to download `nvidia-pytriton==0.7.0`
  cause: Hash mismatch for `nvidia-pytriton==0.7.0`

         Expected:
           sha256:00f0

         Computed:
           sha256:21f0
"""
UV_REFUSED = """\
error: Request failed after 3 retries in 10.9s
  cause: Failed to fetch: http://127.0.0.1:9/simple/nvidia-pytriton/
  cause: error sending request for url (http://127.0.0.1:9/simple/nvidia-pytriton/)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)
"""
UV_DNS = UV_REFUSED.replace("Connection refused (os error 111)", "failed to lookup address information")
UV_UNMATCHED = """\
error: No solution found when resolving dependencies
  cause: Because nvidia-pytriton==0.7.0 has no wheels with a matching platform tag (e.g., `macosx_13_0_arm64`) and you \
require nvidia-pytriton==0.7.0, we can conclude that your requirements are unsatisfiable.
"""
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
        UV_REFUSED,
        UV_DNS,
    ],
    ids=["no name resolution", "refused", "timed out", "proxy", "broken off", "uv refused", "uv no name resolution"],
)
def test_no_way_to_the_index_is_told_from_its_having_no_such_file(log: str) -> None:
    assert packages.cause(log).startswith("the package index cannot be reached; connect to the network")
    for unmatched in (UNMATCHED, UV_UNMATCHED):
        assert packages.cause(unmatched).startswith("the package index has no such file for this machine; x86-64 Linux")


@pytest.mark.parametrize("before", ["", RETRYING.format(NO_CONNECTION.format("[Errno 101] Network is unreachable"))])
def test_another_hash_is_the_cause_whatever_came_before(before: str) -> None:
    for tampered in (TAMPERED, UV_HASH):
        assert packages.cause(before + tampered).startswith("a downloaded file is not the locked one")


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
        ("error: Failed to parse: `=`\n  cause: a reason\n", "Failed to parse: `=`"),
        ("Segmentation fault\n\n", "Segmentation fault"),
        ("", "the installer gave no reason"),
    ],
    ids=["error", "traceback", "uv", "no error", "nothing"],
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
    with pytest.raises(SetupError, match=r"cannot install toy: .*/python"):
        packages.install(["toy"], what="toy", python=tmp_path / "python")


def test_a_step_names_what_is_installed(
    tmp_path: Path, write_wheel: WriteWheel, capsys: pytest.CaptureFixture[str]
) -> None:
    packages.install_folder(write_wheel(""), tmp_path / "toy", what="toy")
    assert capsys.readouterr().err == "==> Installing toy\n"


LISTED = """\
global.index-url='https://global/simple'
global.cert='/global.pem'
install.index-url='https://install/simple'
install.find-links='/one /two'
:env:.cert='/env.pem'
:env:.default-timeout='180'
freeze.timeout='10'
"""


def test_of_pips_settings_variables_win_over_those_of_install_and_these_over_global_ones() -> None:
    assert packages.settings_of(LISTED) == {
        "index-url": "https://install/simple",
        "find-links": "/one /two",
        "cert": "/env.pem",
        "default-timeout": "180",
    }


def test_uv_is_told_what_pip_is_told() -> None:
    told = packages.uv_environment({"HOME": "/home"}, packages.settings_of(LISTED))
    assert told == {
        "HOME": "/home",
        "SSL_CERT_FILE": "/env.pem",
        "UV_DEFAULT_INDEX": "https://install/simple",
        "UV_FIND_LINKS": "/one,/two",
        "UV_HTTP_TIMEOUT": "180",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_NO_WRAP": "1",
    }


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_the_user_tells_uv_wins(variable: str) -> None:
    told = packages.uv_environment({variable: "https://own/simple"}, packages.settings_of(LISTED))
    assert {told.get("UV_DEFAULT_INDEX"), told.get("UV_INDEX_URL")} == {"https://own/simple", None}
