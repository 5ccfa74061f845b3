"""`scripts/serve`: parse, then set up, build what is lacking, start and report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cronnx_server.errors import CommandError, SetupError
from cronnx_server.serve.access import key_for
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.grpc_tls import GrpcTls
from cronnx_server.serve.serving import serve
from cronnx_server.serve.tracing import DEFAULT_RATE, Tracing

DEFAULT_CACHE_BYTES = 256 * 2**20
SMALLEST_CACHE_BYTES = 2**20  # a few pictures' pixels

EPILOG = """\
examples:
  scripts/serve
  scripts/serve --models efficientnet_lite0 --http-port 9000
  scripts/serve --cache
  scripts/serve --address 0.0.0.0 --tls-certificate server.crt --tls-key server.key
  scripts/serve -- --log-verbose=1

A server that dies is started again, five times within five minutes at most; a model whose Python process dies is loaded
anew (docs/serve.md).
exit status: the server's own, 0 after Ctrl-C or SIGTERM; 1 where it could not be set up or started; 2 usage.
Elsewhere than on loopback, who changes models needs a key: $CRONNX_KEY_FILE, $CRONNX_KEY, or one that is made.
The first start makes .venv and .triton/ and builds the models. To change the Python of .venv, delete it.
Relative paths in TRITONSERVER_FLAGS start at the project's folder.
"""


def main() -> int:
    """Serve until the server ends; the exit status."""
    options, server_flags = _parse(sys.argv[1:])
    try:
        tls = _tls(options.tls_certificate, options.tls_key, options.tls_client_ca)
        addresses = Addresses(options.address, options.http_port, options.grpc_port, options.metrics_port, tls)
        addresses.check_free()
        return serve(
            addresses,
            models=options.models,
            profile=options.profile,
            cache_bytes=options.cache,
            latency_quantiles=options.latency_quantiles,
            repositories=options.model_repository,
            json_log=options.log_format == "json",
            tracing=Tracing(options.trace_url, options.trace_rate) if options.trace_url else None,
            key=key_for(addresses, os.environ),
            server_flags=server_flags,
        )
    except CommandError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("serve: interrupted; the next start goes on from here", file=sys.stderr)
        return 130


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """This script's options, and what comes after `--`."""
    separator = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        prog="scripts/serve",
        usage="%(prog)s [options] [-- TRITONSERVER_FLAGS]",
        description="Set up what is lacking and run tritonserver in the foreground.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", default="127.0.0.1", help="where to listen (default: %(default)s)")
    for service, port in (("http", 8000), ("grpc", 8001), ("metrics", 8002)):
        parser.add_argument(f"--{service}-port", type=_port, default=port, metavar="PORT", help="default: %(default)s")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="serve these ensembles only (default: all)")
    parser.add_argument("--profile", metavar="NAME", help="use configs/NAME.pbtxt of the models that have one")
    parser.add_argument(
        "--cache",
        nargs="?",
        type=_cache_bytes,
        const=DEFAULT_CACHE_BYTES,
        metavar="BYTES",
        help="answer pictures that came before from memory (BYTES: 256 MiB; docs/cache.md)",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="the server's log as it is, or in JSON, an event a line (default: %(default)s; docs/logs.md)",
    )
    parser.add_argument(
        "--trace-url",
        type=_url,
        metavar="URL",
        help="send traces there as OTLP, as to http://127.0.0.1:4318/v1/traces (docs/tracing.md)",
    )
    parser.add_argument(
        "--trace-rate",
        type=_rate,
        default=DEFAULT_RATE,
        metavar="N",
        help="trace one of N requests (default: %(default)s), and all that belong to a trace already",
    )
    parser.add_argument(
        "--no-latency-quantiles",
        dest="latency_quantiles",
        action="store_false",
        help="keep counters only among the metrics, no p50, p95 and p99 (docs/metrics.md)",
    )
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="encrypt gRPC; HTTP stays on loopback")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the private key of --tls-certificate")
    parser.add_argument("--tls-client-ca", type=Path, metavar="FILE", help="answer gRPC callers only that these signed")
    parser.add_argument(
        "--model-repository",
        action="append",
        type=Path,
        metavar="DIR",
        help="serve this repository instead, with the same backends; repeatable",
    )
    return parser.parse_args(arguments[:separator]), list(arguments[separator + 1 :])


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> GrpcTls | None:
    if certificate and key:
        return GrpcTls(certificate, key, client_ca)
    if certificate or key or client_ca:
        raise SetupError("TLS needs --tls-certificate and --tls-key together")
    return None


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port, 1 to 65535")
    return int(text)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"'{text}' came, as http://127.0.0.1:4318/v1/traces is expected")
    return text


def _rate(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' came, a number of requests from 1 is expected")
    return int(text)


def _cache_bytes(text: str) -> int:
    if not text.isdecimal() or int(text) < SMALLEST_CACHE_BYTES:
        raise argparse.ArgumentTypeError(f"'{text}' came, a number of bytes from {SMALLEST_CACHE_BYTES} is expected")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
