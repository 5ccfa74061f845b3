"""The command as a user runs it, against servers on the network."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from cronnx.command_line import main
from cronnx.command_line._main import _parser
from tests.unit.cronnx.command_line.fake_server import FakeServer
from tests.unit.cronnx.grpc_triton import GrpcTriton
from tests.unit.cronnx.http_triton import HttpTriton

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]
Start = Callable[..., "subprocess.Popen[bytes]"]

SERVER_COMMANDS = ("predict", "models", "load", "unload", "stats", "ping", "bench")


@pytest.fixture
def images(folder: Path, monkeypatch: pytest.MonkeyPatch, grpc_triton: GrpcTriton) -> Path:
    """A working directory with images, and a server that CRONNX_URL names."""
    for name in ("cat", "goldfish", "broken"):
        (folder / f"{name}.jpg").write_bytes(name.encode())
    monkeypatch.setenv("CRONNX_URL", f"grpc://{grpc_triton.address}")
    return folder


@pytest.mark.usefixtures("images")
def test_a_folder_is_classified_as_far_as_it_can_be(capsys: Output) -> None:
    assert main(["predict", ".", "--json"]) == 1
    output = capsys.readouterr()
    assert [json.loads(line)["label"] for line in output.out.splitlines()] == ["cat", "goldfish"]
    assert output.err == "cronnx: ./broken.jpg: in ensemble 'efficientnet_lite0', image[0]: truncated JPEG\n"


@pytest.mark.usefixtures("images")
def test_an_url_option_goes_before_the_environment(http_triton: HttpTriton) -> None:
    assert main(["predict", "cat.jpg", "--url", f"http://{http_triton.address}"]) == 0
    assert len(http_triton.requests) == 1


@pytest.mark.usefixtures("images")
def test_a_deadline_is_a_failure_of_its_image(capsys: Output, grpc_triton: GrpcTriton) -> None:
    grpc_triton.hang()
    assert main(["predict", "cat.jpg", "--timeout", "0.1"]) == 1
    assert "cat.jpg: no answer from" in capsys.readouterr().err


@pytest.mark.usefixtures("images")
def test_a_server_that_cannot_be_reached_ends_the_command(capsys: Output, deserted_address: str) -> None:
    assert main(["predict", "cat.jpg", "goldfish.jpg", "--url", f"grpc://{deserted_address}"]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"cronnx: cannot reach grpc://{deserted_address}: ")
    assert output.err.count("\n") == 1


def test_the_client_is_made_as_the_options_say(cronnx: Command, server: FakeServer) -> None:
    urls = ["grpc://a:1", "grpc://b:2"]
    named = [part for url in urls for part in ("--url", url)]
    cronnx(["bench", "--seconds", "0.01", *named, "--timeout", "3", "--header", "key=a=b", "--header", "x=y"])
    made = {"timeout_s": 3, "key": None, "headers": {"key": "a=b", "x": "y"}, "tls": None}
    assert server.connections == [(urls, made)]


@pytest.mark.usefixtures("folder")
def test_without_an_url_the_server_is_on_this_machine(cronnx: Command, server: FakeServer) -> None:
    cronnx(["models"])
    assert server.connections[0][0] == "grpc://127.0.0.1:8001"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND"),
        (["predict"], "PATH"),
        (["predict", "cat.jpg", "--top-k", "6"], "--top-k"),
        (["predict", "cat.jpg", "--concurrency", "0"], "--concurrency"),
        (["predict", "cat.jpg", "--json", "--format", "csv"], "not allowed with"),
        (["predict", "cat.jpg", "--timeout", "soon"], "--timeout"),
        (["predict", "cat.jpg", "--timeout", "0"], "timeout_s: expected a positive number of seconds, got 0.0"),
        (["predict", "cat.jpg", "--url", "ftp://host:1"], "'ftp://host:1'"),
        (["models", "--ca-file", "missing.pem"], "missing.pem"),
        (["load"], "NAME"),
        (["stats", "--interval", "0"], "--interval"),
        (["bench", "--concurrency", "1,0"], "--concurrency"),
        (["completion", "cmd"], "cmd"),
    ],
)
@pytest.mark.usefixtures("images")
def test_a_command_line_that_cannot_be_used_is_a_usage_error(
    capsys: Output, arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_invalid_header_is_not_shown_because_it_may_be_a_secret(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["models", "--header", "hunter2"])
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [(), *((name,) for name in SERVER_COMMANDS)])
def test_help_documents_the_exit_codes(capsys: Output, command: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    text = capsys.readouterr().out
    codes = text.split("exit codes:\n")[1].splitlines()
    assert [line.split()[0] for line in codes] == ["0", "1", "2", "3", "130", "141"]


def test_every_help_has_examples_whose_options_exist(capsys: Output) -> None:
    commands = _parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    for name in ("", *(commands or ())):
        with pytest.raises(SystemExit):
            main([*filter(None, [name]), "--help"])
        section = capsys.readouterr().out.split("examples:\n")[1].split("\n\n")[0]
        examples = [shlex.split(line) for line in section.splitlines()]
        assert examples
        for words in examples:
            call = itertools.takewhile(lambda word: word != "|", words[words.index("cronnx") + 1 :])
            _parser().parse_args([*call])


@pytest.mark.parametrize("command", [*SERVER_COMMANDS, "promote", "rollback", "split", "reset"])
def test_help_says_what_several_servers_mean(capsys: Output, command: str) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "With several servers, " in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: Output) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert (caught.value.code, capsys.readouterr().out) == (0, f"cronnx {version('cronnx')}\n")


@pytest.fixture
def start(images: Path) -> Start:
    def start(
        *arguments: str, stdout: int = subprocess.PIPE, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cronnx", *arguments]
        return subprocess.Popen(command, cwd=images, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)

    return start


def test_a_name_that_is_not_text_is_found_and_shown_escaped(start: Start, images: Path) -> None:
    name = os.fsdecode(b"\xff.jpg")
    (images / name).write_bytes(b"cat")
    output, complaints = start("predict", name).communicate()
    assert output.startswith(b"\\udcff.jpg  cat ")
    assert complaints == b""


def test_paths_come_from_standard_input(start: Start) -> None:
    output, _ = start("predict", "-", stdin=subprocess.PIPE).communicate(b"cat.jpg\ngoldfish.jpg\n")
    assert [line.split()[0] for line in output.splitlines()] == [b"cat.jpg", b"goldfish.jpg"]


def test_a_broken_pipe_ends_the_command_quietly(start: Start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("predict", "cat.jpg", "goldfish.jpg", stdout=writing)
    os.close(writing)
    _, complaints = process.communicate()
    assert (process.returncode, complaints) == (141, b"")


def test_standard_output_that_is_full_is_an_error_in_a_line(start: Start) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    process = start("predict", "cat.jpg", stdout=full)
    os.close(full)
    _, complaints = process.communicate()
    assert (process.returncode, complaints) == (1, b"cronnx: standard output: No space left on device\n")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_interrupt_ends_the_command_quietly(
    start: Start, grpc_triton: GrpcTriton, http_triton: HttpTriton, protocol: str
) -> None:
    triton = grpc_triton if protocol == "grpc" else http_triton
    entered = triton.hang()
    process = start("predict", "cat.jpg", "--url", f"{protocol}://{triton.address}")
    assert entered.wait(30)
    process.send_signal(signal.SIGINT)
    output, complaints = process.communicate()
    assert (process.returncode, output, complaints) == (130, b"", b"")


def test_an_interrupt_while_standard_input_is_awaited_ends_the_command_quietly(start: Start) -> None:
    process = start("predict", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"cat.jpg\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"cat.jpg ")
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert process.communicate() == (b"", b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_script_has_every_command(cronnx: Command, capsys: Output, shell: str) -> None:
    assert cronnx(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in ("predict", "models", "unload", "stats", "bench", "--top-k"))


def test_bash_completes_commands_options_and_files(cronnx: Command, capsys: Output, tmp_path: Path) -> None:
    cronnx(["completion", "bash"])
    script = capsys.readouterr().out

    def completed(*words: str) -> set[str]:
        setup = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}"
        call = '_shtab_cronnx cronnx "${COMP_WORDS[COMP_CWORD]}"; printf "%s\\n" "${COMPREPLY[@]}"'
        bash = str(shutil.which("bash"))
        ended = subprocess.run(
            [bash, "-c", f"{script}\n{setup}\n{call}"], capture_output=True, text=True, cwd=str(tmp_path)
        )
        return set(ended.stdout.split())

    (tmp_path / "cat.jpg").touch()
    assert {"predict", "completion", "models"} <= completed("cronnx", "")
    assert completed("cronnx", "predict", "--conc") == {"--concurrency"}
    assert "cat.jpg" in completed("cronnx", "predict", "ca")
