"""`scripts/attack`: parse the options, attack servers of its own and print what callers saw."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.attack import plots, proxy, rounds
from cronnx_lab.attack.attacks import crashing, holding
from cronnx_lab.attack.rounds import Round, beside_callers
from cronnx_lab.command_line import TargetReport
from cronnx_lab.faults.service import Service, copy_ensemble
from cronnx_lab.report import REPORTS
from cronnx_server import environment
from cronnx_server.arguments import positive_float
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import PICTURES
from cronnx_server.serve.addresses import Addresses

EPILOG = """\
examples:
  scripts/attack
  scripts/attack --only replicas --seconds 20

The attacker sends every request known to crash a server or to hold it, in rotation, without waiting for answers, to one
server, and to three servers behind HAProxy with deploy/haproxy/haproxy.cfg. Eight callers use the same address with
cronnx. The servers are its own: copies of the model, under scripts/serve on free ports. The page with plots is
reports/attack.html, the figures are in reports/attack.json, the logs are reports/attack-*.log.
"""
REPLICAS = 3
TARGETS = {"server": "one server", "replicas": f"{REPLICAS} replicas behind HAProxy"}
SHARED_MEMORY = "1g"
PICTURE = "coffee.jpg"


def main() -> int:
    """Attack servers; the exit status."""
    parser = command_line.parser(
        "attack", "Do callers get answers while somebody sends requests that crash or hold a server?", EPILOG
    )
    parser.add_argument("--only", choices=tuple(TARGETS), help="attack only one server, or only the replicas")
    parser.add_argument(
        "--rate", type=positive_float, default=5.0, metavar="N", help="attacks a second (default: %(default)g)"
    )
    parser.add_argument(
        "--seconds",
        type=positive_float,
        default=60.0,
        metavar="S",
        help="length of the attack on each target (default: %(default)g)",
    )
    parser.set_defaults(pictures=PICTURE)
    return command_line.exit_status(parser, _test)


def _test(options: argparse.Namespace, folder: Path) -> bool:
    with environment.setup_lock():
        build_missing([options.model])
    measured = [_round(name, options, folder / name) for name in TARGETS if options.only in (None, name)]
    callers, outcomes = rounds.callers_table(measured), rounds.attacks_table(measured)
    print(f"{callers}\n\n{outcomes}\n")
    report = TargetReport(
        name="attack",
        verdicts=rounds.verdicts(measured),
        plots=[
            callers.html(),
            *plots.over_time(measured),
            outcomes.html(),
        ],
        measured={"rounds": list(map(asdict, measured))},
    )
    return command_line.conclude(report, options, seconds=options.seconds)


def _round(name: str, options: argparse.Namespace, folder: Path) -> Round:
    attacks = [*crashing(options.model, "label"), *holding(options.model)]
    copy_ensemble(options.model, folder / "models")
    with _served(name, folder) as addresses:
        return beside_callers(
            addresses,
            attacks,
            target=TARGETS[name],
            is_replicated=name == "replicas",
            model_name=options.model,
            image=(PICTURES / PICTURE).read_bytes(),
            rate_per_s=options.rate,
            seconds=options.seconds,
        )


@contextmanager
def _served(name: str, folder: Path) -> Iterator[Addresses]:
    """Serve the models of a folder by one server, or by replicas behind HAProxy."""
    REPORTS.mkdir(exist_ok=True)
    with ExitStack() as stack:
        services = []
        for number in range(1, (REPLICAS if name == "replicas" else 1) + 1):
            arguments = [f"--model-repository={folder / 'models'}"]
            log = REPORTS / f"attack-{name}-{number}.log"
            log.unlink(missing_ok=True)
            services.append(Service(arguments, log, shared_memory=SHARED_MEMORY))
            stack.callback(services[-1].stop)
        for service in services:
            service.wait_until_ready()
        if name == "server":
            yield services[0].addresses
        else:
            replicas = [each.addresses for each in services]
            log = REPORTS / "attack-haproxy.log"
            yield stack.enter_context(proxy.balancing(replicas, folder, log=log)).addresses


if __name__ == "__main__":
    sys.exit(main())
