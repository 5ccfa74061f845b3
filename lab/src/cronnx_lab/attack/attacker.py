"""An attacker that sends one attack after another at a steady rate, whatever happens to the server."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from cronnx_lab.attack.attacks import Attack
from cronnx_lab.fuzz.requests import Connection, NoAnswerError, Request
from cronnx_server.limits import raise_open_files
from cronnx_server.serve.addresses import Addresses

TIMEOUT_S = 10.0
MOST_UNDER_WAY = 64

Outcomes = Mapping[str, Mapping[str, int]]
"""How often each attack, by its name, ended in a status, or in none for a reason."""


def attack(addresses: Addresses, attacks: Sequence[Attack], *, rate_per_s: float, seconds: float) -> Outcomes:
    """Send the attacks in rotation, and wait for the outcomes.

    Args:
        addresses: The server or proxy to attack.
        attacks: The attacks.
        rate_per_s: How many to send a second, whether or not earlier ones have ended.
        seconds: How long to send.
    """
    raise_open_files()
    kept: list[socket.socket] = []
    start_s = time.monotonic()
    with closing(Connection(addresses, timeout_s=TIMEOUT_S)) as connection, ThreadPoolExecutor(MOST_UNDER_WAY) as pool:
        sent: list[tuple[str, Future[Counter[str]]]] = []
        for number in range(round(rate_per_s * seconds)):
            time.sleep(max(0.0, start_s + number / rate_per_s - time.monotonic()))
            each = attacks[number % len(attacks)]
            if each.request is None:
                sent.append((each.name, pool.submit(_open, addresses, each, kept)))
            else:
                sent.append((each.name, pool.submit(_send, connection, each.request)))
    for one in kept:
        one.close()
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for name, outcome in sent:
        outcomes[name] += outcome.result()
    return {name: dict(found) for name, found in outcomes.items()}


def _send(connection: Connection, request: Request) -> Counter[str]:
    try:
        return Counter([str(connection.send(request).status)])
    except NoAnswerError as error:
        return Counter([_reason(str(error))])


def _reason(error: str) -> str:
    if "refused" in error or "failed to connect" in error:
        return "no server"
    return "no answer" if "timed out" in error or "DEADLINE" in error else "hung up"


def _open(addresses: Addresses, attack: Attack, kept: list[socket.socket]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for _ in range(attack.connections):
        try:
            one = socket.create_connection((addresses.address, addresses.http_port), timeout=TIMEOUT_S)
        except OSError:
            outcomes["no server"] += 1
            continue
        kept.append(one)
        outcomes["opened"] += 1
        with contextlib.suppress(OSError):
            one.sendall(attack.sent)
    return outcomes
