"""`scripts/loadtest`: parse, then go on as Locust with `locustfile.py`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from cronnx_lab.loadtest.options import add_options, arguments
from cronnx_lab.loadtest.shapes import SHAPES
from cronnx_lab.loadtest.targets import target
from cronnx_server.errors import CommandError
from cronnx_server.paths import ROOT

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
REPORTS = ROOT / "reports"
STOP_TIMEOUT_S = 60

EPILOG = """\
examples:
  scripts/loadtest
  scripts/loadtest burst --users 32 --duration-s 60
  scripts/loadtest mixed --url http://127.0.0.1:8000 --models resnet50 mobilenet_v2
  scripts/loadtest ab --web

exit status: 0 every threshold was held; 1 one was missed; 2 it could not be tested: usage, set-up, no answers.
The report is reports/SHAPE.html, its numbers are in reports/SHAPE.json.
"""


def main() -> int:
    """Test; does not return where Locust could be started."""
    options = _parse()
    try:
        options.reports.mkdir(parents=True, exist_ok=True)
    except (CommandError, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    return _go_on_as_locust(options)


def _go_on_as_locust(options: argparse.Namespace) -> NoReturn:
    command = [sys.executable, "-m", "locust", *_locust_arguments(options)]
    os.execv(sys.executable, command)  # noqa: S606 - this environment's own


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/loadtest",
        description="Put a server that runs under load, and hold its answers to thresholds.",
        epilog="shapes:\n"
        + "\n".join(f"  {name:8}{shape.purpose}" for name, shape in SHAPES.items())
        + f"\n\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shape", nargs="?", choices=SHAPES, default="steady", help="default: %(default)s")
    parser.add_argument(
        "--url",
        type=_url,
        default="grpc://127.0.0.1:8001",
        help="grpc://HOST:PORT or http://HOST:PORT (default: %(default)s)",
    )
    parser.add_argument("--users", type=_count, default=8, metavar="N", help="at the peak (default: %(default)s)")
    parser.add_argument("--duration-s", type=_count, default=30, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument(
        "--web",
        nargs="?",
        type=_count,
        const=8089,
        metavar="PORT",
        help="show the test on a web page while it lasts (default port: %(const)s)",
    )
    parser.add_argument(
        "--reports", type=Path, default=REPORTS, metavar="DIR", help="where to write the report (default: reports/)"
    )
    add_options(parser)
    return parser.parse_args()


def _locust_arguments(options: argparse.Namespace) -> list[str]:
    report = options.reports / options.shape
    web = ["--autostart", "--autoquit=0", "--web-host=127.0.0.1", f"--web-port={options.web}"]
    return [
        f"--locustfile={LOCUSTFILE}",
        f"--host={options.url}",
        f"--users={options.users}",
        f"--run-time={options.duration_s}s",
        f"--stop-timeout={STOP_TIMEOUT_S}",
        f"--html={report}.html",
        "--only-summary",
        "--loglevel=WARNING",
        *(web if options.web else ["--headless"]),
        f"--shape={options.shape}",
        *arguments(options),
    ]


def _url(text: str) -> str:
    try:
        target(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
