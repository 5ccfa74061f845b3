"""`scripts/exporter`: its command line."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from cronnx import Client, CronnxError
from cronnx_server.arguments import http_url, port_or_any, seconds
from cronnx_server.errors import CommandError
from cronnx_server.exporter.collector import ServerCollector, export
from cronnx_server.key import KEY, KEY_FILE, read_key

ENDING = {signal.SIGINT, signal.SIGTERM}

EPILOG = f"""\
examples:
  scripts/exporter
  scripts/exporter --url http://127.0.0.1:9000 --port 9003

The exporter reads the server's state when Prometheus scrapes. If the server does not answer, server_ready is 0.
If the server requires a key, it is read from the file that ${KEY_FILE} names, or from ${KEY}.
docs/metrics.md lists the metrics; deploy/prometheus/ configures a Prometheus that scrapes them.

Exit status: 0 after Ctrl-C or SIGTERM; 1 if it cannot start; 2 usage.
"""


def main() -> int:
    """Export until a signal, and return the exit status."""
    options = _parser().parse_args()
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        with (
            Client(options.url, timeout_s=options.timeout_s, key=read_key(os.environ) or None) as client,
            export(ServerCollector(client), address=options.address, port=options.port) as url,
        ):
            print(f"{url} exports the statistics of {options.url}", flush=True)
            signal.sigwait(ENDING)
    except (CommandError, CronnxError) as error:
        print(f"exporter: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/exporter",
        description="Export to Prometheus what Triton's own metrics lack: batch sizes and the readiness of models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--url", type=http_url, default="http://127.0.0.1:8000", help="the server's HTTP port (default: %(default)s)"
    )
    parser.add_argument("--address", default="127.0.0.1", help="the IP address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=port_or_any, default=8003, help="the port to listen on, 0 for any (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout-s",
        type=seconds,
        default=5.0,
        metavar="SECONDS",
        help="the longest time for each answer of the server (default: %(default)g)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
