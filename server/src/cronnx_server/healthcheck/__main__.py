"""`scripts/healthcheck`: its command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from cronnx_server.arguments import seconds
from cronnx_server.errors import AddressError, KeyFileError
from cronnx_server.healthcheck.health import ModelHealth, check
from cronnx_server.key import KEY, KEY_FILE, read_key
from cronnx_server.triton_http import TritonHttp

EPILOG = f"""\
examples:
  scripts/healthcheck
  scripts/healthcheck --url http://triton:8000 --models efficientnet_lite0 --timeout-s 2

Each inference takes an image of one pixel, or zeros, and counts in the model's metrics.
If the server requires a key, it is read from the file that ${KEY_FILE} names, or from ${KEY}.
Exit status: 0 healthy, 1 unhealthy, 2 usage.
"""


def main() -> int:
    """Print one line for the server and one for each model, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/healthcheck",
        description="Check that a server is live and ready and that its models answer, by an inference through each.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server's HTTP port (default: %(default)s)")
    parser.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="NAME",
        help="check these and ignore all others (default: all)",
    )
    parser.add_argument(
        "--timeout-s",
        type=seconds,
        default=5.0,
        metavar="SECONDS",
        help="the longest time for all checks together (default: %(default)g)",
    )
    options = parser.parse_args()
    try:
        triton = TritonHttp(options.url, timeout_s=options.timeout_s, key=read_key(os.environ))
    except (AddressError, KeyFileError) as error:
        parser.error(str(error))
    try:
        with triton:
            return _report(check(triton, models=options.models))
    except KeyboardInterrupt:
        return 130


def _report(results: Iterable[ModelHealth]) -> int:
    healthy = True
    for result in results:
        print(_line(result), flush=True)
        healthy = healthy and not result.problem
    return 0 if healthy else 1


def _line(result: ModelHealth) -> str:
    if result.problem:
        return f"failed  {result.name}: {result.problem}"
    if result.not_loaded:
        return f"absent  {result.name}: {result.not_loaded}; name it with --models if it has to be served"
    if result.is_full:
        return f"full    {result.name}: its queue is full, which is healthy under load"
    if result.took_ms is None:
        return f"skipped {result.name}: it takes inputs of any size"
    return f"ok      {result.name}  {result.took_ms:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
