"""`scripts/serve --watch`, and versions that are built while a server answers."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronnx import Client, CronnxError
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import free_addresses
from cronnx_server.serve.later_versions import LaterVersions
from cronnx_server.serve.model_files import Reloads
from tests.server.conftest import EXIT_SOON, ports
from tests.server.polling import until
from tests.server.toy import ToyRepository


class Watched:
    """A server that watches a repository, and its log."""

    def __init__(self, repository: ToyRepository, log: Path, client: Client, reloads: Reloads) -> None:
        self.repository, self._log, self.client, self.reloads = repository, log, client, reloads

    def served_by(self, version: int) -> str:
        """The version's answer to who it is; empty if it does not answer."""
        try:
            answer = self.client.classify(b"x", model_name=self.repository.classifier, model_version=version)
        except CronnxError:
            return ""
        return answer.served_by

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    repository = ToyRepository(folder / "models")
    repository.write()
    repository.remove_version(2)
    addresses, log = free_addresses(), folder / "log"
    serve = [sys.executable, ROOT / "scripts" / "serve", f"--model-repository={repository.folder}", "--watch"]
    command = [*serve, *ports(addresses), *EXIT_SOON]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
        contextlib.closing(Client(addresses.grpc)) as client,
    ):
        assert process.stdout is not None
        try:
            next(line for line in process.stdout if line.startswith("metrics"))
            yield Watched(repository, log, client, Reloads(addresses))
        finally:
            process.terminate()


def test_a_start_that_goes_well_is_quiet(watched: Watched) -> None:
    assert all(line.startswith("==> ") for line in watched.log().splitlines()), watched.log()


def test_a_file_that_is_replaced_is_served(watched: Watched) -> None:
    served_by = watched.repository.write_version(1, weights="11111111")
    until(lambda: watched.served_by(1) == served_by, what="the new file answers")
    until(lambda: "Loaded toy_onnx: version 1\n" in watched.log(), what="a line says so")


def test_a_new_version_is_served(watched: Watched) -> None:
    served_by = watched.repository.write_version(2)
    until(lambda: watched.served_by(2) == served_by, what="the new version answers")


def test_a_broken_change_is_told_and_the_former_file_goes_on(watched: Watched) -> None:
    before = watched.served_by(1)
    watched.repository.corrupt_version(1)
    until(lambda: "cannot load toy_onnx: " in watched.log(), what="a line says why")
    assert watched.served_by(1) == before != ""


def test_a_version_that_is_built_later_is_loaded(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    watched.repository.write_version(1)
    source = watched.repository.folder / watched.repository.classifier / "1"
    copy = "import shutil, sys; shutil.copytree(*sys.argv[1:])"
    later = LaterVersions(
        {("toy", 3): ["toy_onnx"]},
        watched.reloads.load,
        command=lambda _, version: [sys.executable, "-c", copy, str(source), str(source.with_name(str(version)))],
    )
    later.start()
    later.wait()
    assert watched.served_by(3).startswith("toy/1@")
    assert "==> Loaded toy_onnx: versions 1, 2, 3\n" in capsys.readouterr().err
    watched.reloads.load_absent("toy_onnx")
    assert capsys.readouterr().err == "", "it is loaded"
    watched.reloads.load_absent("absent")
    assert "cannot load absent: " in capsys.readouterr().err
