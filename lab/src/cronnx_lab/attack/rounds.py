"""Callers beside an attacker: what each of them saw, and the targets for it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from cronnx_lab.attack.attacker import Outcomes, attack
from cronnx_lab.attack.attacks import Attack
from cronnx_lab.faults.callers import Request, calling
from cronnx_lab.faults.recovery import is_calm
from cronnx_lab.report import Table
from cronnx_lab.verdicts import Verdict
from cronnx_server.serve.addresses import Addresses

MOST_S = 5.0
MOST_RECOVERY_S = 30.0


@dataclass(frozen=True)
class Round:
    """An attack on one target.

    Attributes:
        target: What was attacked, in words.
        is_replicated: Whether other servers can answer while one restarts.
        seconds: The length of the attack.
        requests: The callers' requests that ended during the attack; times are in seconds since its start.
        recovered_s: The seconds from the end of the attack to the end of the last disturbed request; None if callers
            were never all answered again.
        outcomes: What became of the attacks.
    """

    target: str
    is_replicated: bool
    seconds: float
    requests: Sequence[Request]
    recovered_s: float | None
    outcomes: Outcomes

    @property
    def answered(self) -> int:
        """The number of requests that were answered."""
        return sum(each.error is None for each in self.requests)

    @property
    def errors(self) -> Counter[str]:
        """The errors of the requests that failed."""
        return Counter(each.error for each in self.requests if each.error)

    @property
    def slowest_s(self) -> float:
        """The longest time from a request to its answer or failure."""
        return max((each.ended_s - each.sent_s for each in self.requests), default=0.0)


def beside_callers(
    addresses: Addresses,
    attacks: Sequence[Attack],
    *,
    target: str,
    is_replicated: bool,
    model_name: str,
    image: bytes,
    rate_per_s: float,
    seconds: float,
) -> Round:
    """Attack a server or proxy while eight callers use it, four over gRPC and four over HTTP, with `cronnx`'s retries.

    Args:
        addresses: The server or proxy.
        attacks: The attacks, sent in rotation.
        target: What is attacked, in words.
        is_replicated: Whether other servers can answer while one restarts.
        model_name: The model that the callers use.
        image: The picture that they send.
        rate_per_s: The attacks a second.
        seconds: The length of the attack.
    """
    with ExitStack() as stack:
        callers = [stack.enter_context(calling(url, model_name, image)) for url in (addresses.grpc, addresses.http)]
        for each in callers:
            each.wait_for_requests()
        start_s = time.monotonic()
        outcomes = attack(addresses, attacks, rate_per_s=rate_per_s, seconds=seconds)
        end_s = start_s + seconds
        is_recovered = all(is_calm(each, end_s) for each in callers)
    requests = [each for every in callers for each in every.requests if each.ended_s > start_s]
    disturbed_s = [each.ended_s - end_s for each in requests if each.error and each.ended_s > end_s]
    return Round(
        target,
        is_replicated,
        seconds,
        [
            Request(each.sent_s - start_s, each.ended_s - start_s, each.error)
            for each in requests
            if each.sent_s < end_s
        ],
        max(disturbed_s, default=0.0) if is_recovered else None,
        outcomes,
    )


def verdicts(rounds: Sequence[Round]) -> list[Verdict]:
    """Hold the rounds to the targets: nobody notices an attack on replicas, and a single server recovers from it."""
    found = []
    for each in rounds:
        failed, recovered_s = sum(each.errors.values()), each.recovered_s
        measured = "never" if recovered_s is None else f"{recovered_s:.1f}"
        if each.is_replicated:
            what = f"{each.target}: requests of callers that failed, of {len(each.requests)}"
            found.append(Verdict("failed", what, "0", str(failed), failed == 0))
            slowest, is_met = f"{each.slowest_s:.1f}", each.slowest_s <= MOST_S
            found.append(Verdict("slowest", f"{each.target}: the slowest, in s", f"<= {MOST_S:g}", slowest, is_met))
        else:
            what = f"{each.target}: requests of callers that were answered, of {len(each.requests)}"
            found.append(Verdict("answered", what, "> 0", str(each.answered), each.answered > 0))
        is_met = recovered_s is not None and recovered_s <= MOST_RECOVERY_S
        what = f"{each.target}: seconds from the attack's end to the last failure"
        found.append(Verdict("recovered", what, f"<= {MOST_RECOVERY_S:g}", measured, is_met))
    return found


def callers_table(rounds: Sequence[Round]) -> Table:
    """What the callers saw, a row per target."""
    rows = [
        (
            each.target,
            str(each.answered),
            ", ".join(f"{count} {error}" for error, count in each.errors.most_common()) or "0",
            f"{each.slowest_s:.1f} s",
        )
        for each in rounds
    ]
    return Table(("callers of", "answered", "failed", "slowest"), rows)


def attacks_table(rounds: Sequence[Round]) -> Table:
    """What became of the attacks, a row per attack and a column per target."""
    names = list(dict.fromkeys(name for each in rounds for name in each.outcomes))
    rows = [(name, *(_counted(each.outcomes.get(name, {})) for each in rounds)) for name in names]
    return Table(("attack", *(each.target for each in rounds)), rows)


def _counted(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{count} x {outcome}" for outcome, count in outcomes.items())
