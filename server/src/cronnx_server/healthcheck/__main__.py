"""`scripts/healthcheck`: parse and print."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from cronnx_server.errors import KeyFileError
from cronnx_server.healthcheck.health import Finding, check
from cronnx_server.healthcheck.http_server import HttpServer, UrlError
from cronnx_server.healthcheck.seconds import seconds
from cronnx_server.key import KEY_FILE, read_key

EPILOG = f"""\
examples:
  scripts/healthcheck
  scripts/healthcheck --url http://triton:8000 --models efficientnet_lite0 --timeout-s 2

Every inference is one of a picture of one pixel, or of zeros, and counts in the model's metrics.
A key, if the server asks for one, is read from the file that {KEY_FILE} names.
Exit status: 0 healthy, 1 not, 2 usage.
"""


def main() -> int:
    """Print a line for every model; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/healthcheck",
        description="Say whether a server is live and ready and its models answer, by an inference through each.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the HTTP port (default: %(default)s)")
    parser.add_argument(
        "--models", nargs="+", default=[], metavar="NAME", help="these only, whatever the others do (default: all)"
    )
    parser.add_argument(
        "--timeout-s", type=seconds, default=5.0, metavar="SECONDS", help="for all together (default: %(default)g)"
    )
    options = parser.parse_args()
    try:
        server = HttpServer(options.url, timeout_s=options.timeout_s, key=read_key(os.environ))
    except (UrlError, KeyFileError) as error:
        parser.error(str(error))
    try:
        return _report(check(server, models=options.models))
    except KeyboardInterrupt:
        return 130


def _report(findings: Iterable[Finding]) -> int:
    healthy = True
    for finding in findings:
        print(_line(finding), flush=True)
        healthy = healthy and not finding.problem
    return 0 if healthy else 1


def _line(finding: Finding) -> str:
    if finding.problem:
        return f"failed  {finding.name}: {finding.problem}"
    if finding.is_full:
        return f"full    {finding.name}: its queue has no room, as under load it may"
    if finding.took_ms is None:
        return f"unasked {finding.name}: takes shapes of any size"
    return f"ok      {finding.name}  {finding.took_ms:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
