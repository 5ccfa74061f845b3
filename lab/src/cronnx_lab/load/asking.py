"""The closed loop against any HTTP server."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cronnx_lab.load import generator
from cronnx_lab.load.closed_loop import Order, Outcome
from cronnx_lab.measurement import WARM_UP_S, Leg, Measurement, seen
from cronnx_lab.servers import Family


def ask(
    addresses: Sequence[tuple[str, int]],
    requests: Sequence[bytes],
    leg: Leg,
    *,
    seconds: float,
    family: Family,
    folder: Path,
) -> Measurement:
    """Load a server for `seconds` after the warm-up.

    Args:
        addresses: (host, port) of its processes.
        requests: whole HTTP requests, sent in turn.
        leg: says how many are under way at a time.
        seconds: how long to measure.
        family: the server's processes.
        folder: where the generator finds the requests.

    Raises:
        SetupError: the server cannot be reached or hangs up.
    """
    paths = []
    for number, request in enumerate(requests):
        path = folder / f"request-{number}"
        path.write_bytes(request)
        paths.append(str(path))
    order = Order(list(addresses), paths, leg.concurrency, WARM_UP_S + seconds)
    output, usage = generator.run(
        [sys.executable, "-m", "cronnx_lab.load.closed_loop"],
        family=family,
        stdin=json.dumps(asdict(order)),
    )
    outcome = Outcome(**json.loads(output))
    speed = seen(outcome.spans, seconds=seconds, drained=True)
    return Measurement(
        images_per_s=speed.images_per_s,
        latencies_s=speed.latencies_s,
        answered=len(outcome.spans),
        failed=outcome.failed,
        cpu_s=usage.cpu_s,
        generator_cpu_s=outcome.cpu_s,
        pss_bytes=usage.pss_bytes,
    )
