"""The test that Locust runs: users without pauses, a shape of load, and the verdicts at the end.

`scripts/loadtest` starts it. To start it by hand, or on several machines with Locust's `--master` and `--worker`:

    .venv/bin/locust --locustfile lab/src/cronnx_lab/loadtest/locustfile.py --host grpc://127.0.0.1:8001 \
        --shape burst --users 64 --run-time 60s --stop-timeout 60 --headless --report reports/burst.html
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import Any, cast

from locust import LoadTestShape, User, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from cronnx_lab.address import parse_url
from cronnx_lab.loadtest import options
from cronnx_lab.loadtest.connections import connect
from cronnx_lab.loadtest.live import LiveProgress
from cronnx_lab.loadtest.recording import Latencies, Recording
from cronnx_lab.loadtest.report import LoadReport
from cronnx_lab.loadtest.requests import RequestSource
from cronnx_lab.loadtest.shapes import SHAPES
from cronnx_lab.loadtest.thresholds import judge, measure_baseline
from cronnx_lab.pictures import read_folder
from cronnx_server.errors import CommandError

# Locust prints tables that are wider than a terminal; this test prints its own.
LOCUSTS_TABLES = "locust.stats_logger"


class ImageUser(User):
    """A user who sends the next request as soon as the last is answered."""

    wait_time = constant(0)
    source: RequestSource
    recording = Recording()
    started_at: float

    def on_start(self) -> None:
        """Connect."""
        self._address = parse_url(self.environment.host or "")
        self._connection = connect(self._address)

    def on_stop(self) -> None:
        """Disconnect."""
        self._connection.close()

    @task
    def send(self) -> None:
        """Send one request, record how it ended and report it to Locust, whose web page shows it."""
        request = self.source.draw()
        answer = self._connection.send(request)
        self.recording.add(
            request.model_name,
            answer.served_by,
            latency_ms=answer.latency_ms,
            at_s=time.monotonic() - self.started_at,
        )
        self.environment.events.request.fire(
            request_type=self._address.protocol,
            name=" ".join(filter(None, (request.model_name, answer.served_by))),
            response_time=answer.latency_ms,
            response_length=0,
            exception=answer.error,
            context={},
        )


def given_options(environment: Environment) -> argparse.Namespace:
    """The options of the command line, Locust's own among them."""
    return cast(argparse.Namespace, environment.parsed_options)


class ChosenShape(LoadTestShape):
    """The shape that `--shape` names."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """The number of users now and how many start a second; None ends the test."""
        if self.runner is None:
            return None
        given = given_options(self.runner.environment)
        shape = SHAPES[given.shape]
        users = shape.users_at(self.get_run_time(), duration_s=given.run_time, peak=given.num_users)
        return None if users is None else (users, given.num_users)


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add this test's options to Locust's."""
    parser.add_argument("--shape", choices=SHAPES, default="steady", help="the shape of the load")
    parser.add_argument("--report", metavar="FILE", help="write a page to FILE and its numbers beside it as JSON")
    options.add_options(parser)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Read the options and, except on a worker, measure the baseline."""
    logging.getLogger(LOCUSTS_TABLES).setLevel(logging.WARNING)
    given = given_options(environment)
    shape = SHAPES[given.shape]
    try:
        models = shape.ensembles(tuple(given.models or shape.models))
        ImageUser.source = RequestSource(models, read_folder(Path(given.images)), with_user_ids=shape.has_user_ids)
        if isinstance(environment.runner, WorkerRunner):
            send_to_the_master(environment)
        else:
            report_the_run(environment, baseline(environment))
    except (CommandError, OSError, ValueError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        sys.exit(2)


@events.test_start.add_listener
def start(environment: Environment, **_: Any) -> None:
    """Start the clock, and print the address of the web page, if there is one."""
    ImageUser.started_at = time.monotonic()
    given = given_options(environment)
    if environment.web_ui:
        print(f"web page: http://{given.web_host}:{given.web_port}", flush=True)


def baseline(environment: Environment) -> dict[str, Latencies]:
    """Measure and print the median latency of one user by model."""
    connection = connect(parse_url(environment.host or ""))
    try:
        measured = measure_baseline(connection, ImageUser.source)
    finally:
        connection.close()
    for name, latencies in measured.items():
        print(f"{name}: {latencies.median_ms:.1f} ms for one user, the median of {len(latencies)} requests", flush=True)
    return measured


def send_to_the_master(environment: Environment) -> None:
    """Send what this worker records with each of Locust's reports to the master."""

    @environment.events.report_to_master.add_listener
    def send(data: dict[str, Any], **_: Any) -> None:
        data["recording"] = ImageUser.recording.take()


def report_the_run(environment: Environment, baseline: dict[str, Latencies]) -> None:
    """Show the progress of the run; when Locust quits, judge it and write the report."""
    given, recording, live = given_options(environment), ImageUser.recording, LiveProgress(ImageUser.recording)

    @environment.events.worker_report.add_listener
    def merge(data: dict[str, Any], **_: Any) -> None:
        recording.merge(data["recording"])

    @environment.events.test_start.add_listener
    def show(environment: Environment, **_: Any) -> None:
        if environment.runner:
            live.start(environment.runner, duration_s=given.run_time)

    @environment.events.quitting.add_listener
    def conclude(environment: Environment, **_: Any) -> None:
        live.stop()
        thresholds = options.thresholds(given, users=given.num_users)
        verdicts = judge(recording.models(), baseline, duration_s=recording.duration_s, thresholds=thresholds)
        report = LoadReport(
            verdicts=verdicts,
            recording=recording,
            baseline=baseline,
            users=live.users,
            errors={str(each.error): each.occurrences for each in environment.stats.errors.values()},
            run=options.run_facts(given),
        )
        environment.process_exit_code = 0 if all(verdict.holds for verdict in verdicts) else 1
        print(report)
        if given.report:
            write(report, environment)


def write(report: LoadReport, environment: Environment) -> None:
    """Write the report and print where it is; the exit status is 2 if that fails."""
    path = Path(given_options(environment).report)
    try:
        report.write(path)
    except CommandError as error:
        print(f"loadtest: {error}", file=sys.stderr)
        environment.process_exit_code = 2
    else:
        print(f"\n{path}")
