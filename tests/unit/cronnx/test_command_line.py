from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cronnx.command_line import main
from tests.unit.cronnx.grpc_triton import GrpcTriton
from tests.unit.cronnx.http_triton import HttpTriton

Output = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grpc_triton: GrpcTriton) -> Path:
    """The working directory, with pictures in it, beside a server that CRONNX_URL names."""
    (tmp_path / "cat.jpg").write_bytes(b"cat")
    (tmp_path / "goldfish.jpg").write_bytes(b"goldfish")
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRONNX_URL", f"grpc://{grpc_triton.address}")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_images_make_an_aligned_table_in_the_order_given(capsys: Output) -> None:
    assert main(["classify", "goldfish.jpg", "cat.jpg"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "goldfish.jpg  goldfish                           50.0%  efficientnet_lite0_onnx/1@abcd1234",
        "cat.jpg       cat                                50.0%  efficientnet_lite0_onnx/1@abcd1234",
    ]


@pytest.mark.usefixtures("folder")
def test_further_classes_are_indented_below(capsys: Output) -> None:
    assert main(["classify", "cat.jpg", "--top-k", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "cat.jpg  cat                                50.0%  efficientnet_lite0_onnx/1@abcd1234",
        "         second                             25.0%",
        "         third                              12.5%",
    ]


@pytest.mark.usefixtures("folder")
def test_json_is_one_object_a_line(capsys: Output) -> None:
    assert main(["classify", "cat.jpg", "goldfish.jpg", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(first) == ["path", "label", "class_id", "score", "served_by", "top"]
    assert (first["path"], first["label"], first["class_id"], first["score"]) == ("cat.jpg", "cat", 3, 0.5)
    assert [scored["label"] for scored in first["top"]] == ["cat", "second", "third", "fourth", "fifth"]
    assert second["path"] == "goldfish.jpg"


@pytest.mark.usefixtures("folder")
def test_json_has_as_many_classes_as_asked_for(capsys: Output) -> None:
    assert main(["classify", "cat.jpg", "--json", "--top-k", "2"]) == 0
    assert len(json.loads(capsys.readouterr().out)["top"]) == 2


@pytest.mark.usefixtures("folder")
def test_a_failed_image_is_told_and_the_others_go_on(capsys: Output) -> None:
    assert main(["classify", "broken.jpg", "missing.jpg", "cat.jpg"]) == 1
    output = capsys.readouterr()
    assert output.out.startswith("cat.jpg ")
    assert output.err.splitlines() == [
        "cronnx: broken.jpg: in ensemble 'efficientnet_lite0', image[0]: truncated JPEG",
        "cronnx: missing.jpg: cannot read image 'missing.jpg': No such file or directory",
    ]


@pytest.mark.usefixtures("folder")
def test_the_model_is_the_one_named(grpc_triton: GrpcTriton) -> None:
    main(["classify", "cat.jpg", "--model", "mobilenet"])
    assert grpc_triton.requests[0].model_name == "mobilenet"


@pytest.mark.usefixtures("folder")
def test_an_url_option_goes_before_the_environment(http_triton: HttpTriton) -> None:
    assert main(["classify", "cat.jpg", "--url", f"http://{http_triton.address}"]) == 0
    assert len(http_triton.requests) == 1


@pytest.mark.usefixtures("folder")
def test_a_deadline_is_a_failure_of_its_image(capsys: Output, grpc_triton: GrpcTriton) -> None:
    grpc_triton.hang()
    assert main(["classify", "cat.jpg", "--timeout", "0.1"]) == 1
    assert "cat.jpg: no answer from" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_server_that_cannot_be_reached_ends_the_command(capsys: Output, deserted_address: str) -> None:
    assert main(["classify", "cat.jpg", "goldfish.jpg", "--url", f"grpc://{deserted_address}"]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"cronnx: cannot reach grpc://{deserted_address}: ")
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND"),
        (["classify"], "FILE"),
        (["classify", "cat.jpg", "--top-k", "6"], "--top-k"),
        (["classify", "cat.jpg", "--timeout", "soon"], "--timeout"),
        (["classify", "cat.jpg", "--timeout", "0"], "timeout_s is 0.0"),
        (["classify", "cat.jpg", "--url", "ftp://host:1"], "grpc://HOST:PORT"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_command_line_that_cannot_be_used_is_a_usage_error(
    capsys: Output, arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_help_documents_the_exit_codes(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["classify", "--help"])
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.split("exit codes:\n")[1].splitlines()] == ["0", "1", "2", "3"]


@pytest.fixture
def start(folder: Path) -> Callable[..., subprocess.Popen[bytes]]:
    def start(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cronnx", "classify", *arguments]
        return subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=subprocess.PIPE)

    return start


def test_a_name_the_terminal_cannot_show_is_shown_escaped(
    start: Callable[..., subprocess.Popen[bytes]], folder: Path
) -> None:
    name = os.fsdecode(b"\xff.jpg")
    (folder / name).write_bytes(b"cat")
    output, complaints = start(name).communicate()
    assert output.startswith(b"\\udcff.jpg  cat ")
    assert complaints == b""


def test_a_reader_that_leaves_ends_the_command_quietly(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("cat.jpg", "goldfish.jpg", stdout=writing)
    os.close(writing)
    _, complaints = process.communicate()
    assert (process.returncode, complaints) == (141, b"")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_interrupt_ends_the_command_quietly(
    start: Callable[..., subprocess.Popen[bytes]],
    grpc_triton: GrpcTriton,
    http_triton: HttpTriton,
    protocol: str,
) -> None:
    triton = grpc_triton if protocol == "grpc" else http_triton
    entered = triton.hang()
    process = start("cat.jpg", "--url", f"{protocol}://{triton.address}")
    assert entered.wait(30)
    process.send_signal(signal.SIGINT)
    output, complaints = process.communicate()
    assert (process.returncode, output, complaints) == (130, b"", b"")
