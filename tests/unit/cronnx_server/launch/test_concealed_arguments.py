from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from cronnx_server.launch.concealed_arguments import SHOWN, concealing

# Tells what it was given, and lives until its input ends.
PROGRAM = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]), flush=True); sys.stdin.read()"
COMMAND = [sys.executable, "-c", PROGRAM, "visible", "--flag=1"]
PTRACE_SEIZE, PTRACE_CONT = 0x4206, 7
ARGUMENTS = ["--one=first secret", "--other=second=secret:1"]


def test_the_program_gets_the_arguments_and_no_process_list_shows_them() -> None:
    command, environment = concealing(COMMAND, {**os.environ, "KEPT": "yes"}, ARGUMENTS)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        arguments, variables = json.loads(process.stdout.readline())
        shown = psutil.Process(process.pid).cmdline()
    assert process.returncode == 0
    assert arguments == ["visible", "--flag=1", *ARGUMENTS]
    assert shown == [*COMMAND, f"--one={SHOWN}", f"--other={SHOWN}"]
    assert variables["KEPT"] == "yes"
    assert not any("secret" in value for value in variables.values())


def test_from_its_first_instruction_on(tmp_path: Path) -> None:
    """A program is stopped by what traces it before it has run; every process list made meanwhile is clean."""
    seen = tmp_path / "seen"
    watcher = "import sys, psutil\nwhile True:\n    for p in psutil.process_iter(['cmdline']): print(p.info['cmdline'])"
    with seen.open("w") as file, subprocess.Popen([sys.executable, "-c", watcher], stdout=file) as watching:
        for _ in range(5):
            command, environment = concealing(["echo", "said"], os.environ, ARGUMENTS)
            said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            assert said.stdout == "said --one=first secret --other=second=secret:1\n"
        watching.kill()
    assert "concealed_arguments" in seen.read_text()
    assert "first secret" not in seen.read_text()


def test_a_program_that_is_not_there_is_named() -> None:
    command, environment = concealing(["nonesuch", "visible"], os.environ, ARGUMENTS)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "cannot start nonesuch" in ended.stderr
    assert "No such file" in ended.stderr
    assert "secret" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_traced_process_is_left_traced() -> None:
    status = "import sys; print(next(l for l in open('/proc/self/status') if l.startswith('TracerPid')))"
    command, environment = concealing([sys.executable, "-c", status], os.environ, ARGUMENTS)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["TracerPid:", "0"]


def test_where_no_process_may_trace_another_the_program_is_not_started() -> None:
    """One that is traced already cannot be: this test traces it."""
    command, environment = concealing(["echo", "started"], os.environ, ARGUMENTS)
    gate, pipe = ["sh", "-c", 'read _; exec "$@"', "sh"], subprocess.PIPE
    with subprocess.Popen([*gate, *command], env=environment, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.ptrace(PTRACE_SEIZE, process.pid, None, None) == 0
        process.stdin.write(b"\n")
        process.stdin.close()
        while os.WIFSTOPPED(status := os.waitpid(process.pid, 0)[1]):
            libc.ptrace(PTRACE_CONT, process.pid, None, ctypes.c_long(os.WSTOPSIG(status)))
        assert os.waitstatus_to_exitcode(status) == 1
        assert process.stdout.read() == b""
        complaint = process.stderr.read().decode()
    assert "cannot start echo with concealed arguments: one process may not trace another here" in complaint
    assert "secret" not in complaint
