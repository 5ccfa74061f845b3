"""Promotions and splits that outlive the server, its crashes and `scripts/serve`.

Triton forgets them when it ends or reads a model's file again. They are read from the running server, kept in one JSON
file, and made again when they are missing. A decision ends if it is undone on the server, or if the model's file says
something else than it did.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

from cronnx import Client, CronnxError
from cronnx_router.arms import read_weighted_arms
from cronnx_router.decisions import CONFIGURED, IN_FORCE, VARIABLE
from cronnx_server import progress
from cronnx_server.errors import CommandError, NoAnswerError
from cronnx_server.files import write_whole
from cronnx_server.model_config import arms, parameter, pinned_version
from cronnx_server.paths import STATE
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import ServerProcess, is_ready
from cronnx_server.triton_http import TritonHttp

READY_POLL_S = 0.02
PERIOD_S = 1.0
LONGEST_PERIOD_S = 30.0
"""How long a server whose log says nothing is not looked at: its log may be turned off."""
RETRY_S = 20.0  # below LONGEST_PERIOD_S, so that the next look tries again
READ_TIMEOUT_S = 5.0

Decision: TypeAlias = Mapping[str, str]
"""The version or the arms of a model: `configured` in its file, and `in_force` instead."""


class Decisions:
    """Keeps what was promoted and split on the servers at one address."""

    def __init__(self, addresses: Addresses, *, key: Key | None = None, folder: Path = STATE / "decisions") -> None:
        """Prepare; `follow` begins.

        Args:
            addresses: Where the servers listen, one after another.
            key: The key that a change must carry; None if the server requires none.
            folder: The folder of the file, which is named after the HTTP port.
        """
        self._addresses = addresses
        self._key = key.text if key else ""
        self._file = folder / f"{addresses.http_port}.json"
        self._without: set[str] = set()
        self._retry_at_s: dict[str, float] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The variable by which a router finds the file: so its first request already has the decided arms."""
        return {VARIABLE: str(self._file)}

    def follow(self, server: ServerProcess) -> None:
        """Restore the decisions on a server that was just started, and keep new ones, in the background."""
        self._without, self._retry_at_s = set(), {}
        Thread(target=self._follow, args=(server,), daemon=True).start()

    def _follow(self, server: ServerProcess) -> None:
        poll_s = READY_POLL_S if self._kept() else PERIOD_S
        with Client(self._addresses.http, key=self._key or None) as client:
            while not is_ready(self._addresses):
                if server.ends_within(poll_s):
                    return
            looked_at_s = -math.inf
            while True:
                # A model that was loaded just before the last look may not have been there yet.
                loaded = server.loaded_at_s > looked_at_s - PERIOD_S
                now_s = time.monotonic()
                if (loaded or now_s > looked_at_s + LONGEST_PERIOD_S) and self.look(client):
                    looked_at_s = now_s
                if server.ends_within(PERIOD_S):
                    return

    def look(self, client: Client) -> bool:
        """Compare the server with the file, once, and change what is out of date.

        Args:
            client: Promotes and splits.

        Returns:
            Whether the server answered.
        """
        try:
            configs = self._configs()
        except (NoAnswerError, LookupError, TypeError, ValueError):  # it is ending, or has other things to do
            return False
        kept = self._kept()
        decisions = {}
        for name in {*configs, *kept}:
            decision = self._decision(client, name, configs.get(name), kept.get(name))
            if decision:
                decisions[name] = decision
        if decisions != kept:
            self._keep(decisions)
        return True

    def _decision(
        self, client: Client, name: str, config: Mapping[str, Any] | None, kept: Decision | None
    ) -> Decision | None:
        """The decision about a model; one that is missing on the server is made again."""
        if config is None:
            return kept  # not loaded
        in_force, configured = _in_force(config), parameter(config, CONFIGURED)
        if configured:
            return {CONFIGURED: configured, IN_FORCE: in_force} if configured != in_force else None
        if kept and kept[CONFIGURED] == in_force:
            self._make_again(client, name, kept[IN_FORCE], is_router=bool(arms(config)))
            return kept
        if kept:
            progress.step(f"{name} serves {in_force} as its config.pbtxt now says, instead of {kept[IN_FORCE]}")
        return None

    def _make_again(self, client: Client, name: str, in_force: str, *, is_router: bool) -> None:
        if time.monotonic() < self._retry_at_s.get(name, 0.0):
            return
        try:
            if is_router:
                weights = read_weighted_arms(in_force, parameter="arms")
                client.split(name, {str(arm): weight for arm, weight in weights.items()})
            else:
                client.promote(name, in_force)
        except CronnxError as error:
            progress.step(f"{name} does not serve {in_force} as decided: {error}")
            self._retry_at_s[name] = time.monotonic() + RETRY_S

    def _configs(self) -> dict[str, Mapping[str, Any]]:
        """The configurations of the loaded ensembles that pin a version, and of the loaded routers."""
        with TritonHttp(self._addresses.http, timeout_s=READ_TIMEOUT_S, key=self._key) as triton:
            index = _json(triton, "/v2/repository/index", b"{}")
            ready = {entry["name"] for entry in index if entry.get("state") == "READY"}
            configs = {name: _json(triton, f"/v2/models/{name}/config") for name in ready - self._without}
        decided = {name: config for name, config in configs.items() if _in_force(config)}
        self._without |= configs.keys() - decided.keys()  # nothing can be decided about them
        return decided

    def _keep(self, decisions: Mapping[str, Decision]) -> None:
        try:
            if decisions:
                write_whole(self._file, json.dumps(decisions, indent=1, sort_keys=True).encode())
            else:
                self._file.unlink(missing_ok=True)
        except (CommandError, OSError) as error:
            progress.step(f"cannot keep promotions and splits for the next start: {error}")

    def _kept(self) -> dict[str, Decision]:
        try:
            kept: dict[str, Decision] = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return kept


def _json(triton: TritonHttp, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - JSON
    status, answer = triton.request(path, body)
    if status != HTTPStatus.OK:
        raise NoAnswerError(f"HTTP {status}")
    return json.loads(answer)


def _in_force(config: Mapping[str, Any]) -> str:
    return arms(config) or pinned_version(config)
