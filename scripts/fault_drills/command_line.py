"""`scripts/faults`: parse and print."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from local_server import environment
from local_server.errors import SetupError
from local_server.paths import ROOT

EPILOG = """\
The server is one of its own, at free ports and over a copy of the model, in a mount namespace that `unshare` makes: it
needs user namespaces, or root. Its log is kept in reports/faults.log. Takes two or three minutes.
Exit status: 0 it recovered from every fault, 1 it did not, 2 usage.
"""


def main() -> int:
    """Print a row for every fault; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/faults",
        description="Break a server under load, one fault after another, and see what its callers see.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="efficientnet_lite0", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--protocol", choices=("grpc", "http"), default="grpc", help="default: %(default)s")
    options = parser.parse_args()
    try:
        environment.enter("serve", "load")
        return _run(options.model, options.protocol)
    except SetupError as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(model_name: str, protocol: str) -> int:
    from fault_drills import report  # needs the environment
    from fault_drills.campaign import campaign
    from model_builds.ready import ready

    with environment.alone():
        ready([model_name])
    log = ROOT / "reports" / "faults.log"
    log.parent.mkdir(exist_ok=True)
    print(report.HEADER)
    has_recovered = True
    with tempfile.TemporaryDirectory() as folder:
        for outcome in campaign(model_name, protocol, folder=Path(folder), log=log):
            print(report.row(outcome), flush=True)
            has_recovered = has_recovered and outcome.recovered_s is not None
    return 0 if has_recovered else 1
