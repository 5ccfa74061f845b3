"""`scripts/faults`: parse the options, cause the faults, print a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from cronnx_lab.faults.recovery import HEADER, inject_all, row
from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.errors import CommandError
from cronnx_server.paths import ROOT

EPILOG = """\
The command starts its own server on free ports, with a copy of the model, in a mount namespace made by `unshare`; this
needs user namespaces or root. The log is reports/faults.log. A run takes two or three minutes.
exit status: 0 the server recovered from every fault; 1 it did not; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Print a row for every fault and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/faults",
        description="How does a server under load recover from faults? Each fault is caused in turn, and the requests "
        "of callers are counted.",
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
    print(HEADER)
    has_recovered = True
    with tempfile.TemporaryDirectory() as folder:
        for recovery in inject_all(model_name, protocol, folder=Path(folder), log=log):
            print(row(recovery), flush=True)
            has_recovered = has_recovered and recovery.recovered_s is not None
    return 0 if has_recovered else 1


if __name__ == "__main__":
    sys.exit(main())
