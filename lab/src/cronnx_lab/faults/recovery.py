"""One fault after another under load, and how the service recovers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cronnx import Retry
from cronnx_lab.faults.callers import CALLERS, DEFAULT_RETRY, POLL_S, Callers, Request, calling
from cronnx_lab.faults.faults import Fault, faults
from cronnx_lab.faults.service import Service, copy_ensemble
from cronnx_server.paths import PICTURES

STALL_S = 2.0  # a request that takes longer counts as disturbed
CALM_ANSWERS = 10 * CALLERS
LONGEST_S = 120.0


HEADER = """\
| fault | full service after | under way, of these failed | answered | failed | failed with retries |
|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Recovery:
    """What callers saw of a fault.

    Attributes:
        name: The name of the fault.
        recovered_s: The seconds from the fault to the end of the last request that failed or took longer than
            `STALL_S`; None if the service did not recover.
        under_way: The number of requests under way at the fault, and how many of them failed.
        answered: The number of requests answered after the fault.
        failed: The errors after the fault, for callers without retries.
        failed_retrying: The errors after the fault, for callers with the default retries of `cronnx`.
    """

    name: str
    recovered_s: float | None
    under_way: tuple[int, int]
    answered: int
    failed: Counter[str]
    failed_retrying: Counter[str]


def inject(fault: Fault, service: Service, *, url: str, model_name: str, image: bytes) -> Recovery:
    """Cause a fault while callers with and without retries send requests, and wait until all are answered again."""
    with (
        calling(url, model_name, image, retry=Retry(attempts=1)) as once,
        calling(url, model_name, image, retry=DEFAULT_RETRY) as retrying,
    ):
        once.wait_for_requests()
        fault_s = time.monotonic()
        fault.cause(service, model_name, image)
        caused_s = time.monotonic()  # requests that were sent before may have come before the fault took effect
        has_recovered = is_calm(once, caused_s) and is_calm(retrying, caused_s)
    after = [each for each in once.requests if each.ended_s > fault_s]
    under_way = [each for each in after if each.sent_s < fault_s]
    disturbed_s = [each.ended_s - fault_s for each in after if _is_disturbed(each)]
    return Recovery(
        fault.name,
        max(disturbed_s, default=0.0) if has_recovered else None,
        (len(under_way), sum(each.error is not None for each in under_way)),
        sum(each.error is None for each in after),
        Counter(once.errors(since_s=fault_s)),
        Counter(retrying.errors(since_s=fault_s)),
    )


def _is_disturbed(request: Request) -> bool:
    return request.error is not None or request.ended_s - request.sent_s > STALL_S


def is_calm(callers: Callers, fault_s: float) -> bool:
    """Wait until the latest requests were sent after the fault and were all answered; False if that never happens."""
    while time.monotonic() < fault_s + LONGEST_S:
        last = callers.requests[-CALM_ANSWERS:]
        if len(last) == CALM_ANSWERS and all(each.sent_s > fault_s and not each.error for each in last):
            return True
        time.sleep(POLL_S)
    return False


def inject_all(model_name: str, protocol: str, *, folder: Path, log: Path) -> Iterator[Recovery]:
    """Serve a copy of an ensemble and cause every fault, one after another.

    Args:
        model_name: The ensemble.
        protocol: `grpc` or `http`.
        folder: The folder for the copy.
        log: The file for the logs of the servers.

    Raises:
        CommandError: The ensemble is missing, or cannot be served.
    """
    image = (PICTURES / "coffee.jpg").read_bytes()
    steps = copy_ensemble(model_name, folder)
    service = Service([f"--model-repository={folder}"], log)
    try:
        service.wait_until_ready()
        url = service.addresses.grpc if protocol == "grpc" else service.addresses.http
        for fault in faults(steps, repository=folder):
            yield inject(fault, service, url=url, model_name=model_name, image=image)
    finally:
        service.stop()


def row(recovery: Recovery) -> str:
    """A row of the Markdown table below `HEADER`."""
    cells = (
        recovery.name,
        "not recovered" if recovery.recovered_s is None else f"{recovery.recovered_s:.1f} s",
        "{}, {}".format(*recovery.under_way),
        str(recovery.answered),
        _counted(recovery.failed),
        _counted(recovery.failed_retrying),
    )
    return f"| {' | '.join(cells)} |"


def _counted(errors: Counter[str]) -> str:
    return ", ".join(f"{count} {error}" for error, count in errors.most_common()) or "0"
