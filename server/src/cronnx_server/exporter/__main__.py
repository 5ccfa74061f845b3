"""`scripts/exporter`: parse, then answer Prometheus until a signal."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from cronnx_server.errors import CommandError
from cronnx_server.exporter.export import export
from cronnx_server.exporter.triton import Triton
from cronnx_server.healthcheck.seconds import seconds
from cronnx_server.key import read_key

ENDING = {signal.SIGINT, signal.SIGTERM}

EPILOG = """\
examples:
  scripts/exporter
  scripts/exporter --url http://127.0.0.1:9000 --port 9003

The server is asked at every scrape, and only then; one that cannot be reached is exported as server_ready 0.
A key, if the server asks for one, is that of $CRONNX_KEY_FILE or $CRONNX_KEY.
docs/metrics.md lists the metrics; deploy/prometheus/ has a Prometheus that reads them.

exit status: 0 after Ctrl-C or SIGTERM; 1 where it could not start; 2 usage.
"""


def main() -> int:
    """Export until a signal ends it; the exit status."""
    options = _parser().parse_args()
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        triton = Triton(options.url, timeout_s=options.timeout_s, key=read_key(os.environ))
        with export(triton, address=options.address, port=options.port) as url:
            print(f"{url} exports the statistics of {options.url}", flush=True)
            signal.sigwait(ENDING)
    except CommandError as error:
        print(f"exporter: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/exporter",
        description="Export to Prometheus what Triton's own metrics lack: sizes of batches, readiness of models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--url", type=_url, default="http://127.0.0.1:8000", help="the server's HTTP service (default: %(default)s)"
    )
    parser.add_argument("--address", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8003, help="default: %(default)s; 0 is any that is free")
    parser.add_argument(
        "--timeout-s", type=seconds, default=5.0, metavar="S", help="for each of the server's answers (%(default)s)"
    )
    return parser


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"'{text}' came, an address as http://127.0.0.1:8000 is expected")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port, 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
