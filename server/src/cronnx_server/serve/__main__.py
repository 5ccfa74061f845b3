"""`scripts/serve`: its command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cronnx_server import progress
from cronnx_server.arguments import http_url, port, port_or_any, positive_int
from cronnx_server.errors import AddressError, CommandError
from cronnx_server.serve import log_events
from cronnx_server.serve.access import key_for
from cronnx_server.serve.addresses import Addresses, GrpcTls, free_port
from cronnx_server.serve.options import DEFAULT_TRACE_RATE, Options, Tracing
from cronnx_server.serve.serving import serve

DEFAULT_PLAYGROUND_PORT = 8004
DEFAULT_CACHE_BYTES = 256 * 2**20
SMALLEST_CACHE_BYTES = 2**20  # the pixels of a few images

EPILOG = """\
examples:
  scripts/serve
  scripts/serve --models efficientnet_lite0 --http-port 9000
  scripts/serve --playground
  scripts/serve --cache
  scripts/serve --watch
  scripts/serve --address 0.0.0.0 --tls-certificate server.crt --tls-key server.key
  scripts/serve -- --log-verbose=1

The first start creates .venv and .triton/ and builds the models. To change the Python of .venv, delete it.
A server that crashes is restarted; after five starts in a row that fail, scripts/serve gives up. A model whose Python
process dies is reloaded (docs/serve.md).
On any address other than loopback, changing models requires a key: from $CRONNX_KEY_FILE or $CRONNX_KEY, or one that
the first start makes. The process list shows the key (SECURITY.md).
Relative paths in TRITONSERVER_FLAGS start at the project's folder.
Exit status: the server's own, 0 after Ctrl-C or SIGTERM; 1 if it could not be set up or started; 2 usage.
"""


def main() -> int:
    """Serve until the server ends, and return the exit status."""
    arguments, server_flags = _parse(sys.argv[1:])
    as_json = arguments.log_format == "json"
    if as_json:
        progress.use_format(log_events.message)
    try:
        return serve(_options(arguments, server_flags))
    except CommandError as error:
        problem, status = str(error), 1
    except KeyboardInterrupt:
        problem, status = "interrupted; the next start continues from here", 130
    print(log_events.message(problem, level="ERROR") if as_json else f"serve: {problem}", file=sys.stderr)
    return status


def _options(arguments: argparse.Namespace, server_flags: Sequence[str]) -> Options:
    tls = _tls(arguments.tls_certificate, arguments.tls_key, arguments.tls_client_ca)
    addresses = Addresses(arguments.address, arguments.http_port, arguments.grpc_port, arguments.metrics_port, tls)
    playground_port = free_port() if arguments.playground == 0 else arguments.playground
    addresses.check_free(playground_port=playground_port)
    return Options(
        addresses=addresses,
        models=arguments.models,
        repositories=arguments.model_repository,
        profile=arguments.profile,
        cache_bytes=arguments.cache,
        latency_quantiles=arguments.latency_quantiles,
        tracing=Tracing(arguments.trace_url, arguments.trace_rate) if arguments.trace_url else None,
        watch=arguments.watch,
        json_log=arguments.log_format == "json",
        key=key_for(addresses, os.environ),
        playground_port=playground_port,
        server_flags=server_flags,
    )


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the flags of tritonserver after `--`."""
    separator = arguments.index("--") if "--" in arguments else len(arguments)
    return _parser().parse_args(arguments[:separator]), list(arguments[separator + 1 :])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/serve",
        usage="%(prog)s [options] [-- TRITONSERVER_FLAGS]",
        description="Install what is missing, build the models and run tritonserver in the foreground.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", default="127.0.0.1", help="the IP address to listen on (default: %(default)s)")
    parser.add_argument("--http-port", type=port, default=8000, metavar="PORT", help="default: %(default)s")
    parser.add_argument("--grpc-port", type=port, default=8001, metavar="PORT", help="default: %(default)s")
    parser.add_argument("--metrics-port", type=port, default=8002, metavar="PORT", help="default: %(default)s")
    parser.add_argument(
        "--playground",
        nargs="?",
        type=port_or_any,
        const=DEFAULT_PLAYGROUND_PORT,
        metavar="PORT",
        help="serve a page on loopback to try the models (PORT: 8004; 0 for a free one; docs/playground.md)",
    )
    parser.add_argument("--models", nargs="+", default=(), metavar="NAME", help="serve only these (default: all)")
    parser.add_argument("--profile", default="", metavar="NAME", help="prefer configs/NAME.pbtxt where a model has it")
    parser.add_argument("--watch", action="store_true", help="load a model again when its files change")
    parser.add_argument(
        "--cache",
        nargs="?",
        type=_cache_bytes,
        const=DEFAULT_CACHE_BYTES,
        default=0,
        metavar="BYTES",
        help="answer repeated images from memory (BYTES: 256 MiB; docs/cache.md)",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="the server's own log, or JSON with one event a line (default: %(default)s; docs/logs.md)",
    )
    parser.add_argument(
        "--trace-url",
        type=http_url,
        metavar="URL",
        help="send traces as OTLP to URL, such as http://127.0.0.1:4318/v1/traces (docs/tracing.md)",
    )
    parser.add_argument(
        "--trace-rate",
        type=positive_int,
        default=DEFAULT_TRACE_RATE,
        metavar="N",
        help="trace one of N requests, and all that belong to a trace (default: %(default)s)",
    )
    parser.add_argument(
        "--no-latency-quantiles",
        dest="latency_quantiles",
        action="store_false",
        help="leave p50, p95 and p99 out of the metrics (docs/metrics.md)",
    )
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="encrypt gRPC; HTTP stays on loopback")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the private key of --tls-certificate")
    parser.add_argument(
        "--tls-client-ca", type=Path, metavar="FILE", help="answer only gRPC callers with a certificate from here"
    )
    parser.add_argument(
        "--model-repository",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="serve this repository instead of the project's, with the same backends; repeatable",
    )
    return parser


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> GrpcTls | None:
    if certificate and key:
        return GrpcTls(certificate, key, client_ca)
    if certificate or key or client_ca:
        raise AddressError("expected --tls-certificate and --tls-key together; add the one that is missing")
    return None


def _cache_bytes(text: str) -> int:
    if not text.isdecimal() or int(text) < SMALLEST_CACHE_BYTES:
        raise argparse.ArgumentTypeError(f"expected a number of bytes from {SMALLEST_CACHE_BYTES}, got '{text}'")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
