"""What a server and its models answer.

Triton 24.10 calls a model ready whose Python process (stub) has died: only an inference shows it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cronnx_server.healthcheck.http_server import NO_HEADERS, HttpServer, NoAnswerError
from cronnx_server.healthcheck.inference import Config, inference, instances, steps

FULL = "Exceeds maximum queue size"  # Triton's words, before which an ensemble puts its name


class Finding(NamedTuple):
    """What came of asking.

    Attributes:
        name: a model, or `server`.
        problem: why it is not healthy; empty where it is.
        took_ms: how long one answer took, in milliseconds; None where there was none.
        is_full: it has as many requests as it may have, and so refused this one: well, and busy.
    """

    name: str
    problem: str = ""
    took_ms: float | None = None
    is_full: bool = False


class RefusedError(Exception):
    """The server answered, and not with what it was asked for; the text is the server's."""


class FullError(RefusedError):
    """A model's queue had no room: nothing that taking the server away, or starting it anew, would mend."""


def check(server: HttpServer, *, models: Sequence[str] = ()) -> Iterator[Finding]:
    """Ask whether the server is live and ready, and run an inference through each model that clients ask.

    Args:
        server: the server.
        models: the models, whatever the server says of others: it is not ready while any is loaded for the first
            time. Where none is named, all that are loaded and that no other loaded model is made of, and those that
            should be and are not.
    """
    try:
        yield _of_server(server, ("live",) if models else ("live", "ready"))
        states = _states(_json(server, "/v2/repository/index", b"{}"))
        configs = {name: _json(server, f"/v2/models/{name}/config") for name in states if not states[name]}
    except (NoAnswerError, RefusedError) as error:
        yield Finding("server", str(error))
        return
    for name in models or _asked(states, configs):
        problem = states.get(name, "is not in the server's repositories")
        yield Finding(name, problem) if problem else _finding(server, name, configs)


def _of_server(server: HttpServer, states: Iterable[str]) -> Finding:
    started_s = time.perf_counter()
    for state in states:
        status, _ = server.ask(f"/v2/health/{state}")
        if status != 200:
            return Finding("server", f"is not {state} (HTTP {status})")
    return Finding("server", took_ms=1000 * (time.perf_counter() - started_s))


def _states(index: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Why each model does not serve; empty for one that does, by any of its versions."""
    states: dict[str, str] = {}
    for entry in index:
        name, state = entry["name"], entry.get("state") or "not loaded"
        problem = "" if state == "READY" else f"is {state} {entry.get('reason', '')}".strip()
        states[name] = problem and states.get(name, problem)
    return states


def _asked(states: Mapping[str, str], configs: Mapping[str, Config]) -> list[str]:
    parts = {step for config in configs.values() for step in steps(config)}
    unwanted = ("is not loaded", "is UNAVAILABLE unloaded", "is UNLOADING")
    return [name for name, problem in states.items() if name not in parts and not problem.startswith(unwanted)]


def _finding(server: HttpServer, name: str, configs: Mapping[str, Config]) -> Finding:
    request = inference(configs[name])
    if request is None:
        return Finding(name)
    rounds = instances(configs[name], configs)  # Triton gives an idle model's requests to its instances in turn
    started_s = time.perf_counter()
    try:
        for _ in range(rounds):
            _answer(server, f"/v2/models/{name}/infer", *request)
    except FullError:
        return Finding(name, is_full=True)
    except (NoAnswerError, RefusedError) as error:
        return Finding(name, str(error))
    return Finding(name, took_ms=1000 * (time.perf_counter() - started_s) / rounds)


def _json(server: HttpServer, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(_answer(server, path, body))
    except ValueError:
        raise RefusedError(f"{path} is answered with something else than JSON: is this Triton's HTTP port?") from None


def _answer(server: HttpServer, path: str, body: bytes | None = None, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    status, answer = server.ask(path, body, headers)
    if status == 200:
        return answer
    try:
        message = json.loads(answer)["error"]
    except (ValueError, LookupError, TypeError):
        message = answer.decode(errors="replace")
    refusal = FullError if status == 503 and FULL in str(message) else RefusedError
    raise refusal(f"HTTP {status}: {' '.join(str(message).split()) or 'no message'}")
