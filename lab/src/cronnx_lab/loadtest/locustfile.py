"""The test that Locust runs: users without pauses, a shape of load, and the verdicts at the end.

`scripts/loadtest` starts it. To start it by hand, or on several machines with Locust's `--master` and `--worker`:

    .venv/bin/locust --locustfile lab/src/cronnx_lab/loadtest/locustfile.py --host grpc://127.0.0.1:8001 \
        --shape burst --users 64 --run-time 60s --stop-timeout 60
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, cast

from locust import LoadTestShape, User, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from cronnx_lab.loadtest import options
from cronnx_lab.loadtest.connections import connect, parse_url
from cronnx_lab.loadtest.locust_stats import read_stats, row_name
from cronnx_lab.loadtest.requests import RequestSource
from cronnx_lab.loadtest.shapes import SHAPES
from cronnx_lab.loadtest.thresholds import BASELINE_REQUESTS, Verdict, as_json, judge, measure_baseline
from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole


class ImageUser(User):
    """A user who sends the next request as soon as the last is answered."""

    wait_time = constant(0)
    source: RequestSource

    def on_start(self) -> None:
        """Connect."""
        self._address = parse_url(self.environment.host or "")
        self._connection = connect(self._address)

    def on_stop(self) -> None:
        """Disconnect."""
        self._connection.close()

    @task
    def send(self) -> None:
        """Send one request and report it to Locust."""
        request = self.source.draw()
        answer = self._connection.send(request)
        self.environment.events.request.fire(
            request_type=self._address.protocol,
            name=row_name(request.model_name, answer),
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
    options.add_options(parser)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Read the options and, except on a worker, measure the baseline."""
    given = given_options(environment)
    shape = SHAPES[given.shape]
    try:
        models = shape.ensembles(tuple(given.models or shape.models))
        ImageUser.source = RequestSource(models, options.images(given.images), with_user_ids=shape.has_user_ids)
        if not isinstance(environment.runner, WorkerRunner):
            judge_at_the_end(environment, baseline(environment))
    except (CommandError, OSError, ValueError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        sys.exit(2)


@events.test_start.add_listener
def announce(environment: Environment, **_: Any) -> None:
    """Print the address of the web page, if there is one."""
    given = given_options(environment)
    if environment.web_ui:
        print(f"web page: http://{given.web_host}:{given.web_port}", flush=True)


def baseline(environment: Environment) -> dict[str, float]:
    """Measure and print the median latency of one user, in ms, by model."""
    connection = connect(parse_url(environment.host or ""))
    try:
        baseline_ms = measure_baseline(connection, ImageUser.source)
    finally:
        connection.close()
    for name, median_ms in baseline_ms.items():
        print(f"{name}: {median_ms:.1f} ms for one user, the median of {BASELINE_REQUESTS} requests")
    return baseline_ms


def judge_at_the_end(environment: Environment, baseline_ms: dict[str, float]) -> None:
    """Judge the run when Locust quits, and print the verdicts below its tables."""
    verdicts: list[Verdict] = []

    @environment.events.quitting.add_listener
    def conclude(environment: Environment, **_: Any) -> None:
        given, result = given_options(environment), read_stats(environment.stats)
        verdicts.extend(
            judge(
                result.models,
                baseline_ms,
                duration_s=result.duration_s,
                thresholds=options.thresholds(given, users=given.num_users),
            )
        )
        environment.process_exit_code = 0 if all(verdict.holds for verdict in verdicts) else 1
        if given.html_file:
            write_whole(Path(given.html_file).with_suffix(".json"), as_json(result.models, baseline_ms, verdicts))

    @environment.events.quit.add_listener
    def print_verdicts(**_: Any) -> None:
        print(*verdicts, sep="\n")
        if report := given_options(environment).html_file:
            print(f"report: {report}")
