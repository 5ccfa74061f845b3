"""A run in this process, and one against a server."""

from __future__ import annotations

import faulthandler
from collections.abc import Callable, Sequence
from contextlib import closing

from cronnx_lab.errors import MeasurementError
from cronnx_lab.fuzz.campaign import Tally, explore, tallied
from cronnx_lab.fuzz.decoding import decoding_fault, decodings, resizing_fault, resizings
from cronnx_lab.fuzz.volleys import VOLLEY, Question, Questioner, volleys
from cronnx_lab.fuzz.wire import Wire
from cronnx_lab.servers import ProcessTree, triton_server
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

# The slowest case takes a hundredth of it.
HANG_S = 60

# A first part of the cases lets pools and arenas grow; what the others add is a leak.
WARM_UP = 10
MOST_GROWTH = 0.1


def in_process(count: int, *, seed: int, seen: Callable[[], None]) -> dict[str, Tally]:
    """Decode and resize so many cases each; a crash or a hang ends this process with its traceback."""
    faulthandler.enable()

    def watched() -> None:
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        seen()

    try:
        return {
            "decoded here": tallied(decodings(), decoding_fault, count=count, seed=seed, seen=watched),
            "resized here": tallied(resizings(), resizing_fault, count=count, seed=seed, seen=watched),
        }
    finally:
        faulthandler.cancel_dump_traceback_later()


def against_a_server(model: str, count: int, *, seed: int, seen: Callable[[], None]) -> dict[str, Tally]:
    """Put so many questions to a server of one ensemble.

    Raises:
        SetupError: it did not start.
    """
    with (
        triton_server([MODEL_REPOSITORY, ENSEMBLES], [model]) as (addresses, family),
        closing(Wire(addresses)) as wire,
        closing(Questioner(wire, model)) as questioner,
    ):
        server = _Server(questioner, family, seen)
        explore(volleys(model), server.ask, count=count // VOLLEY // WARM_UP, seed=seed)
        server.weigh()
        explore(volleys(model), server.ask, count=count // VOLLEY, seed=seed + 1)
        server.weigh()
        return {**questioner.tallies, "the server's processes": server.tally}


class _Server:
    """The server that is asked: whether its processes live, and what memory they have."""

    def __init__(self, questioner: Questioner, family: ProcessTree, seen: Callable[[], None]) -> None:
        self.tally = Tally()
        self._questioner, self._family, self._seen = questioner, family, seen
        self._pids = family.pids()
        self._weight_bytes: int | None = None

    def ask(self, volley: Sequence[Question]) -> None:
        """Put the questions, unless an earlier volley has ended a process: then nothing can be learnt any more."""
        if self.tally.wrong:
            return
        self._questioner.ask(volley)
        died = self._pids - self._family.pids()
        fault = f"{len(died)} of {len(self._pids)} have ended" if died else None
        self.tally.add("died" if died else "alive", fault=fault, case=volley, seconds=0)
        for _ in volley:
            self._seen()

    def weigh(self) -> None:
        """Compare the memory with what it was at the last time."""
        try:
            weight = self._family.pss_bytes()
        except MeasurementError:  # `ask` has told
            return
        if self._weight_bytes:
            growth = weight / self._weight_bytes - 1
            fault = f"grown by {growth:.1%}" if growth > MOST_GROWTH else None
            self.tally.add(f"{growth:+.1%} of {self._weight_bytes / 1e6:.0f} MB", fault=fault, case=None, seconds=0)
        self._weight_bytes = weight
