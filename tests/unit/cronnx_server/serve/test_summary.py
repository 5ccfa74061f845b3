"""The summary of a start fits a screen of 80 x 24 and names what can be done next."""

from __future__ import annotations

import sys

import pytest

from cronnx_server import repository
from cronnx_server.model_spec import Task
from cronnx_server.paths import ENSEMBLES
from cronnx_server.serve import summary
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses, free_addresses

OWN = repository.image_models(ENSEMBLES, list(repository.models(ENSEMBLES)))
MANY = {f"a_model_with_quite_a_long_name_{number:02}": Task.INSTANCE_SEGMENTATION for number in range(40)}


def rows(lines: list[str]) -> int:
    return sum(-(-max(1, len(line)) // summary.WIDTH) for line in lines)


@pytest.mark.parametrize("models", [OWN, MANY, {"one": Task.DEPTH}, {}], ids=["own", "many", "one", "none"])
@pytest.mark.parametrize("further", [(), (("playground", "http://127.0.0.1:8080"),)], ids=["", "playground"])
def test_it_fits_a_screen(models: dict[str, Task], further: tuple[tuple[str, str], ...]) -> None:
    key = Key("secret", "/a/key")
    lines = [line.plain for line in summary.of(free_addresses(), models, key=key, further=further)]
    assert rows(lines) + 2 <= summary.HEIGHT, "with the blank lines around it"
    assert all(f"{name:<{11 if further else 9}}{address}" in lines for name, address in further)
    assert not any("secret" in line for line in lines)


def test_models_have_their_task_and_versions() -> None:
    lines = [line.plain for line in summary.of(free_addresses(), OWN, later=[("resnet50", 2)])]
    table = {line.split()[0]: line.split()[1:] for line in lines if line.startswith(tuple(OWN))}
    assert table["document_layout"][0] == "detection"
    assert table["efficientnet_lite0_ab"] == ["classification", "split", "1:", "90,", "2:", "10"]
    assert table["efficientnet_lite0"][:3] in (["classification", "1", "live"], ["classification", "1", "live,"])


def test_a_version_that_is_being_built_is_named() -> None:
    models = {"resnet50": Task.CLASSIFICATION}
    lines = [line.plain for line in summary.of(free_addresses(), models, later=[("resnet50", 2)])]
    assert any(line.startswith("resnet50") and line.endswith("1 live, 2 being built") for line in lines)


def test_models_that_do_not_fit_are_counted() -> None:
    lines = [line.plain for line in summary.of(free_addresses(), MANY)]
    shown = sum(line.startswith("a_model") for line in lines)
    assert f"and {len(MANY) - shown} more: .venv/bin/cronnx models" in lines


def test_commands_name_a_server_that_is_not_at_the_usual_address() -> None:
    (usual,) = (str(line) for line in summary.of(Addresses(), OWN) if "predict" in line.plain)
    assert "--url" not in usual
    addresses = free_addresses()
    (other,) = (str(line) for line in summary.of(addresses, OWN) if "predict" in line.plain)
    assert f"--url {addresses.grpc}" in other


def test_an_answer_that_does_not_come_is_told() -> None:
    first, *_ = summary.of(free_addresses(), OWN)
    assert first.plain.startswith("scripts/pictures/coffee.jpg: no answer: ")


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variables: dict[str, str], coloured: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    lines = summary.of(free_addresses(), {})
    summary.show(lines)
    assert "\x1b" not in capsys.readouterr().out, "not a terminal"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    summary.show(lines)
    assert ("\x1b[32m" in capsys.readouterr().out) is coloured


def test_a_long_line_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    summary.show(summary.of(free_addresses(), {"one": Task.DEPTH}))
    (curl,) = (line for line in capsys.readouterr().out.splitlines() if "curl" in line)
    assert curl.startswith("(printf") and curl.endswith("/v2/models/one/generate")  # noqa: PT018 - one line
