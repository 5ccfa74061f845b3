from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx_server.engines import RELEASE
from cronnx_server.errors import KeyFileError
from cronnx_server.key import KEY_FILE, restricted_api_flags
from cronnx_server.launch import command
from cronnx_server.serve import stub

SERVER = ("tritonserver", "--model-repository=/models")
KEY = "0123456789abcdef"


def test_without_a_key_the_command_line_is_unchanged(tmp_path: Path) -> None:
    assert command(SERVER, {"A": "b"}, entrypoint=tmp_path / "absent") == [*SERVER]


def test_nvidias_entrypoint_comes_first_where_the_image_has_it(tmp_path: Path) -> None:
    entrypoint = tmp_path / "entrypoint.sh"
    entrypoint.touch()
    assert command(SERVER, {}, entrypoint=entrypoint) == [str(entrypoint), *SERVER]


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444])
def test_a_key_that_is_mounted_as_a_secret_restricts_what_changes_a_server(tmp_path: Path, mode: int) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(mode)
    started = command(SERVER, {KEY_FILE: str(tmp_path / "key")}, entrypoint=tmp_path / "absent")
    assert started == [*SERVER, *restricted_api_flags(KEY)]


def test_a_key_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        command(SERVER, {KEY_FILE: str(tmp_path / "absent")})


def launch(
    *arguments: str, key_file: Path | None = None, folder: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, KEY_FILE: str(key_file or ""), **variables}
    program = [sys.executable, "-m", "cronnx_server.launch", *arguments]
    return subprocess.run(program, env=environment, capture_output=True, text=True, cwd=folder)


@pytest.fixture
def with_gpu(tmp_path: Path) -> dict[str, str]:
    """The environment of NVIDIA's image on a machine with a GPU."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA L4 (UUID: GPU-1b2c)'\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", RELEASE: "26.07"}


def test_a_server_with_a_profile_starts_in_the_folder_of_its_engines(tmp_path: Path, with_gpu: dict[str, str]) -> None:
    ended = launch("sh", "-c", "pwd", "--model-config-name=tensorrt", folder=tmp_path, **with_gpu)
    assert (ended.stdout, ended.stderr) == (f"{tmp_path}/.triton/tensorrt/26.07_NVIDIA_L4\n", "")


def test_other_servers_start_where_the_image_says(tmp_path: Path, with_gpu: dict[str, str]) -> None:
    assert launch("sh", "-c", "pwd", folder=tmp_path, **with_gpu).stdout == f"{tmp_path}\n"
    without_release = {**with_gpu, RELEASE: ""}
    ended = launch("sh", "-c", "pwd", "--model-config-name=tensorrt", folder=tmp_path, **without_release)
    assert ended.stdout == f"{tmp_path}\n"


def test_a_folder_of_engines_that_cannot_be_made_is_a_warning(tmp_path: Path, with_gpu: dict[str, str]) -> None:
    (tmp_path / ".triton").touch()
    ended = launch("sh", "-c", "pwd", "--model-config-name=tensorrt", folder=tmp_path, **with_gpu)
    assert ended.stdout == f"{tmp_path}\n"
    assert ended.stderr.startswith("launch: cannot keep TensorRT's engines in ")


def test_it_runs_the_program_with_its_arguments_and_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    ended = launch("printf", "%s\n", "--one", key_file=file)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["--one", *restricted_api_flags(KEY)]


def test_the_program_may_open_as_many_files_as_the_machine_allows() -> None:
    soft, hard = launch("sh", "-c", "ulimit -Sn; ulimit -Hn").stdout.split()
    assert soft == hard


def test_a_key_file_that_is_absent_is_one_line_and_status_1(tmp_path: Path) -> None:
    ended = launch("echo", "started", key_file=tmp_path / "absent")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("launch: cannot read the key in ")


def test_a_program_that_is_not_there_is_named() -> None:
    ended = launch("no-such-server")
    assert (ended.returncode, ended.stderr) == (1, "launch: cannot start no-such-server: No such file or directory\n")


def test_a_call_without_a_program_says_what_is_expected() -> None:
    ended = launch()
    assert ended.returncode == 2
    assert "expected a program and its flags" in ended.stderr


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -9 $$", 128 + 9)])
def test_the_exit_status_is_the_programs_or_names_its_signal(script: str, status: int) -> None:
    assert launch("sh", "-c", script).returncode == status


def test_a_signal_reaches_the_program_and_is_its_to_answer() -> None:
    script = "trap 'echo stopped; exit 3' TERM; echo started; while :; do sleep 0.05; done"
    program = [sys.executable, "-m", "cronnx_server.launch", "sh", "-c", script]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as launched:
        assert launched.stdout is not None
        assert launched.stdout.readline() == "started\n"
        launched.send_signal(signal.SIGTERM)
        assert launched.stdout.readline() == "stopped\n"
        assert launched.wait() == 3


# A server that is ready at once, and ends soon after it was asked.
SERVER_THAT_IS_READY = """
import http.server, sys, threading
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        threading.Timer(0.3, server.shutdown).start()
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready)
server.serve_forever()
"""


def test_a_server_that_becomes_ready_is_noted_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    code = (
        "import sys; from cronnx_server.launch import run; "
        "sys.exit(run(sys.argv[2:], look_s=0.05, on_ready=lambda: print('ready'), url=sys.argv[1]))"
    )
    url, server = f"http://127.0.0.1:{port}", [sys.executable, "-c", SERVER_THAT_IS_READY, str(port)]
    ended = subprocess.run([sys.executable, "-c", code, url, *server], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, "ready\n")


# A server whose stub has ended.
SERVER_WITHOUT_STUB = """
import signal, subprocess, sys, time
stub = subprocess.Popen([sys.argv[1]])
if sys.argv[2] == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[2] == "ends in good order":
    signal.signal(signal.SIGTERM, lambda *_: (stub.wait(), time.sleep(0.2), sys.exit(0)))
if sys.argv[2] == "collects it":
    stub.wait()
    time.sleep(0.5)
else:
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("server", "status"), [("waits", 1), ("ignores SIGTERM", 1), ("ends in good order", 1), ("collects it", 0)]
)
def test_a_server_that_has_lost_a_stub_is_ended(tmp_path: Path, server: str, status: int) -> None:
    (tmp_path / stub.NAME).symlink_to("/bin/true")
    code = "import sys; from cronnx_server.launch import run; sys.exit(run(sys.argv[1:], look_s=0.05))"
    program = [sys.executable, "-c", code, sys.executable, "-c", SERVER_WITHOUT_STUB, str(tmp_path / stub.NAME), server]
    ended = subprocess.run(program, stderr=subprocess.PIPE, text=True, timeout=30)
    assert ended.returncode == status
    assert ("a Python process of the server has died" in ended.stderr) == bool(status)
