"""A client that needs no server, for `main`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.progress import Progress

from cronnx import (
    Classification,
    ConnectionFailed,
    CronnxError,
    ModelInfo,
    ModelNotFound,
    ModelStatistics,
    ModelStatus,
    Outcome,
    Promotion,
    ScoredClass,
    StepInfo,
)
from cronnx._tasks import Answer

SERVED_BY = "net/1@abcd1234"


def answer(image: str | bytes, top_k: int, model_name: str = "net") -> Classification:
    """Return an answer whose best label is the file's name without its suffix."""
    label = PurePath(image).stem.encode(errors="replace").decode() if isinstance(image, str) else "bytes"
    scored = [ScoredClass(f"{label}{rank or ''}", rank, 0.5 / 2**rank) for rank in range(top_k)]
    return Classification(top=tuple(scored), served_by=SERVED_BY, model_name=model_name)


class FakeServer:
    """The state behind the fake clients, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[str | bytes] = []
        self.connections: list[tuple[Any, dict[str, Any]]] = []
        self.options: dict[str, Any] = {}
        self.failures: dict[str | bytes, CronnxError] = {}
        self.is_up = self.is_ready = True
        self.models = [ModelStatus("b", "1", "READY", ""), ModelStatus("a", "", "UNAVAILABLE", "unloaded")]
        self.steps: dict[str, list[StepInfo]] = {}
        self.arms: dict[str, dict[str, float]] = {}
        self.configured: dict[str, str] = {}
        self.commands: list[tuple[str, ...]] = []
        self.readings: list[list[ModelStatistics]] = []
        self.task = "classification"
        self.answer: Callable[[Any], Answer] = lambda image: answer(image, 5)

    def connect(self, url: str | list[str], **arguments: Any) -> FakeClient:
        self.connections.append((url, arguments))
        return FakeClient(self)

    def outcome(self, image: Any, index: int) -> Outcome[Any, Any]:
        self.asked.append(image)
        error = self.failures.get(image, None if self.is_up else ConnectionFailed("nobody there"))
        return Outcome(image, index, None if error else self.answer(image), error, seconds=0.25)

    def check(self) -> None:
        if not self.is_up:
            raise ConnectionFailed("nobody there")


class FakeClient:
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def predict(self, image: str | bytes, **_: Any) -> Classification:
        self._server.check()
        return answer(image, 5)

    def predict_many(
        self, images: Iterable[Any], *, progress: bool = False, **options: Any
    ) -> Iterator[Outcome[Any, Any]]:
        self._server.options = options
        with Progress(console=Console(stderr=True), disable=not progress) as bar:
            bar.add_task(f"fake progress of {len(images) if isinstance(images, Sized) else None}")
            for index, image in enumerate(images):
                yield self._server.outcome(image, index)

    def models(self) -> list[ModelStatus]:
        self._server.check()
        return list(self._server.models)

    def model(self, name: str, *, model_version: str = "") -> ModelInfo:  # noqa: ARG002 - the client's arguments
        self._server.check()
        steps, arms = tuple(self._server.steps.get(name, ())), self._server.arms.get(name, {})
        configured = self._server.configured.get(name, "")
        return ModelInfo(name, ("1",), "", "", 0, (), (), steps, self._server.task, arms, configured)

    def load(self, name: str) -> None:
        self._command("load", name)

    def unload(self, name: str) -> None:
        self._command("unload", name)

    def promote(self, name: str, version: str) -> Promotion:
        self._command("promote", name, version)
        return Promotion(name, version, "1")

    def rollback(self, name: str) -> Promotion:
        self._command("rollback", name)
        return Promotion(name, "1", None)

    def reset(self, name: str) -> None:
        self._command("reset", name)

    def split(self, name: str, weights: Mapping[str, float]) -> dict[str, float]:
        self._command("split", name, *(f"{arm}={weight}" for arm, weight in weights.items()))
        return {f"b_onnx/{version}": weight for version, weight in weights.items()}

    def _command(self, command: str, name: str, *arguments: str) -> None:
        self._server.check()
        if name in self._server.failures:
            raise self._server.failures[name]
        if name not in {model.name for model in self._server.models}:
            raise ModelNotFound(f"no model {name}", server_message=f"no model {name}")
        self._server.commands.append((command, name, *arguments))

    def statistics(self, model_name: str) -> list[ModelStatistics]:
        self._server.is_up = self._server.is_up and bool(self._server.readings)  # down after the last
        self._server.check()
        return [each for each in self._server.readings.pop(0) if model_name in ("", each.name)]

    def _check_live(self) -> bool:
        self._server.check()
        return True

    def is_server_live(self) -> bool:
        return self._server.is_up

    def is_server_ready(self) -> bool:
        return self._server.is_up and self._server.is_ready
