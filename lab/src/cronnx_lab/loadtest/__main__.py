"""`scripts/loadtest`: parse the options, then run Locust with `locustfile.py`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from cronnx_lab.address import add_url
from cronnx_lab.loadtest.options import add_options, arguments
from cronnx_lab.loadtest.shapes import SHAPES
from cronnx_server.arguments import port, positive_int
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

The server must be running. The report is reports/SHAPE.html; its numbers are in reports/SHAPE.json.
exit status: 0 every threshold was met; 1 a threshold was missed; 2 the test could not run: usage, set-up, no answers.
"""


def main() -> int:
    """Run the test. Returns only if Locust cannot be started."""
    options = _parse()
    try:
        options.reports.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    return _become_locust(options)


def _become_locust(options: argparse.Namespace) -> NoReturn:
    command = [sys.executable, "-m", "locust", *_locust_arguments(options)]
    os.execv(sys.executable, command)  # noqa: S606 - this environment's own


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/loadtest",
        description="Does a running server meet its thresholds under load? Users send images in the chosen shape; "
        "latencies are compared with those of one user.",
        epilog="shapes:\n"
        + "\n".join(f"  {name:8}{shape.purpose}" for name, shape in SHAPES.items())
        + f"\n\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shape", nargs="?", choices=SHAPES, default="steady", help="default: %(default)s")
    add_url(parser)
    parser.add_argument(
        "--users",
        type=positive_int,
        default=8,
        metavar="N",
        help="the number of users at the peak (default: %(default)s)",
    )
    parser.add_argument("--duration-s", type=positive_int, default=30, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument(
        "--web",
        nargs="?",
        type=port,
        const=8089,
        metavar="PORT",
        help="show the running test on a web page (default port: %(const)s)",
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
        f"--report={report}.html",
        "--only-summary",
        "--loglevel=WARNING",
        *(web if options.web else ["--headless"]),
        f"--shape={options.shape}",
        *arguments(options),
    ]


if __name__ == "__main__":
    sys.exit(main())
