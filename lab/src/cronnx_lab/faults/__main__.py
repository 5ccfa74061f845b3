"""`scripts/faults`: parse and print."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from cronnx_lab.faults import report
from cronnx_lab.faults.campaign import campaign
from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import CommandError
from cronnx_server.paths import ROOT

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
        return _run(options.model, options.protocol)
    except CommandError as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(model_name: str, protocol: str) -> int:
    with environment.setup_lock():
        build_missing([model_name])
    log = ROOT / "reports" / "faults.log"
    log.parent.mkdir(exist_ok=True)
    print(report.HEADER)
    has_recovered = True
    with tempfile.TemporaryDirectory() as folder:
        for outcome in campaign(model_name, protocol, folder=Path(folder), log=log):
            print(report.row(outcome), flush=True)
            has_recovered = has_recovered and outcome.recovered_s is not None
    return 0 if has_recovered else 1


if __name__ == "__main__":
    sys.exit(main())
