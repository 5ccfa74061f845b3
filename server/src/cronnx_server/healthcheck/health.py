"""Whether a server and its models answer.

Triton 24.10 calls a model ready whose Python process (stub) has died: only an inference shows it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from cronnx_server.errors import NoAnswerError
from cronnx_server.healthcheck.inference import inference
from cronnx_server.model_config import ModelConfigJson, ensemble_steps, instance_count
from cronnx_server.triton_http import TritonHttp

# Equal to cronnx_preprocess.QUEUE_FULL, whose import takes too long here. An ensemble prefixes it with its name.
FULL = "Exceeds maximum queue size"


class ModelHealth(NamedTuple):
    """The health of a model, or of the server itself.

    Attributes:
        name: The name of the model, or `server`.
        problem: Why it is unhealthy; empty if it is healthy.
        took_ms: The mean time of an answer, in milliseconds; None without an answer.
        is_full: Whether it refused the request because its queue is full: healthy, but busy.
        not_loaded: Why it could not be loaded; empty if it was. A server that serves other models is healthy.
    """

    name: str
    problem: str = ""
    took_ms: float | None = None
    is_full: bool = False
    not_loaded: str = ""


class RefusedError(Exception):
    """The server refused a request; the message is the server's."""


class FullError(RefusedError):
    """The queue of a model is full, which a restart of the server would not mend."""


def check(triton: TritonHttp, *, models: Sequence[str] = ()) -> Iterator[ModelHealth]:
    """Check that the server is live and ready, and run an inference through each model that clients call.

    Args:
        triton: The server.
        models: Check only these models, which must be loaded, and not whether the server is ready: without
            `--strict-readiness=false` it is not while any model loads. Empty for every loaded model that is no step of
            another, of which there must be one.
    """
    try:
        yield _server_health(triton, ("live",) if models else ("live", "ready"))
        problems = _problems(_json(triton, "/v2/repository/index", b"{}"))
        configs = {name: _json(triton, f"/v2/models/{name}/config") for name in problems if not problems[name]}
    except (NoAnswerError, RefusedError) as error:
        yield ModelHealth("server", str(error))
        return
    for name in models or _called_by_clients(problems, configs):
        problem = problems.get(name, "is not in the server's repositories")
        if not problem:
            yield _model_health(triton, name, configs)
        else:
            # A load that failed must not take away a server that answers for other models.
            yield ModelHealth(name, not_loaded=problem) if configs and not models else ModelHealth(name, problem)


def _server_health(triton: TritonHttp, states: Iterable[str]) -> ModelHealth:
    started_s = time.perf_counter()
    for state in states:
        status, _ = triton.request(f"/v2/health/{state}")
        if status != HTTPStatus.OK:
            return ModelHealth("server", f"is not {state} (HTTP {status})")
    return ModelHealth("server", took_ms=1000 * (time.perf_counter() - started_s))


def _problems(index: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Why each model is not ready; empty for a model with a version that is ready."""
    problems: dict[str, str] = {}
    for entry in index:
        name, state = entry["name"], entry.get("state") or "not loaded"
        problem = "" if state == "READY" else f"is {state} {entry.get('reason', '')}".strip()
        problems[name] = problem and problems.get(name, problem)
    return problems


def _called_by_clients(problems: Mapping[str, str], configs: Mapping[str, ModelConfigJson]) -> list[str]:
    steps = {step for config in configs.values() for step in ensemble_steps(config)}
    unwanted = ("is not loaded", "is UNAVAILABLE unloaded", "is UNLOADING")
    return [name for name, problem in problems.items() if name not in steps and not problem.startswith(unwanted)]


def _model_health(triton: TritonHttp, name: str, configs: Mapping[str, ModelConfigJson]) -> ModelHealth:
    request = inference(configs[name])
    if request is None:
        return ModelHealth(name)
    count = _most_instances(name, configs)  # Triton gives the requests of an idle model to its instances in turn
    started_s = time.perf_counter()
    try:
        for _ in range(count):
            _answer(triton, f"/v2/models/{name}/infer", *request)
    except FullError:
        return ModelHealth(name, is_full=True)
    except (NoAnswerError, RefusedError) as error:
        return ModelHealth(name, str(error))
    return ModelHealth(name, took_ms=1000 * (time.perf_counter() - started_s) / count)


def _most_instances(name: str, configs: Mapping[str, ModelConfigJson]) -> int:
    """The number of instances of a model, or of the step that has most of them."""
    steps = (step for step in ensemble_steps(configs[name]) if step in configs)
    return max(instance_count(configs[name]), *(_most_instances(step, configs) for step in steps), 1)


def _json(triton: TritonHttp, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(_answer(triton, path, body))
    except ValueError:
        raise RefusedError(f"expected JSON from {path}, got something else; is this Triton's HTTP port?") from None


def _answer(
    triton: TritonHttp, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    status, answer = triton.request(path, body, headers or {})
    if status == HTTPStatus.OK:
        return answer
    try:
        message = json.loads(answer)["error"]
    except (ValueError, LookupError, TypeError):
        message = answer.decode(errors="replace")
    refusal = FullError if status == HTTPStatus.SERVICE_UNAVAILABLE and FULL in str(message) else RefusedError
    raise refusal(f"HTTP {status}: {' '.join(str(message).split()) or 'no message'}")
