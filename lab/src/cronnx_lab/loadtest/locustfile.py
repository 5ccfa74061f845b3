"""What Locust runs: users who ask as fast as they are answered, a shape of load, and the judgement at the end.

`scripts/loadtest` starts it. By hand, and over several machines by Locust's `--master` and `--worker`:

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

from cronnx_lab.loadtest import options, rows
from cronnx_lab.loadtest.alone import REQUESTS, NoAnswerError, medians_ms
from cronnx_lab.loadtest.callers import caller
from cronnx_lab.loadtest.questions import Questions
from cronnx_lab.loadtest.report import as_json
from cronnx_lab.loadtest.shapes import SHAPES
from cronnx_lab.loadtest.targets import target
from cronnx_lab.loadtest.thresholds import Verdict, judge
from cronnx_server.files import write_whole


class ImageUser(User):
    """Asks again when it is answered."""

    wait_time = constant(0)
    questions: Questions

    def on_start(self) -> None:
        """Connect."""
        self._target = target(self.environment.host or "")
        self._caller = caller(self._target)

    def on_stop(self) -> None:
        """Disconnect."""
        self._caller.close()

    @task
    def ask(self) -> None:
        """Send one request and report it to Locust."""
        question = self.questions.draw()
        outcome = self._caller.ask(question)
        self.environment.events.request.fire(
            request_type=self._target.protocol,
            name=rows.row(question.model_name, outcome),
            response_time=outcome.latency_ms,
            response_length=0,
            exception=outcome.error,
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
    parser.add_argument("--shape", choices=SHAPES, default="steady", help="of the load")
    options.add_options(parser)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Read what is asked and, but for a worker, measure one caller alone; whom nobody answers, Locust is not for."""
    given = given_options(environment)
    shape = SHAPES[given.shape]
    try:
        models = shape.asked(tuple(given.models or shape.models))
        ImageUser.questions = Questions(models, options.images(given.images), with_user_ids=shape.has_user_ids)
        if not isinstance(environment.runner, WorkerRunner):
            hold_to_thresholds(environment, measure_alone(environment))
    except (NoAnswerError, OSError, ValueError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        sys.exit(2)


@events.test_start.add_listener
def announce(environment: Environment, **_: Any) -> None:
    """Print the address of the web page, if there is one."""
    given = given_options(environment)
    if environment.web_ui:
        print(f"web page: http://{given.web_host}:{given.web_port}", flush=True)


def measure_alone(environment: Environment) -> dict[str, float]:
    """Measure and print the median latency of one caller, in ms, by model."""
    alone = caller(target(environment.host or ""))
    try:
        alone_ms = medians_ms(alone, ImageUser.questions)
    finally:
        alone.close()
    for name, median_ms in alone_ms.items():
        print(f"{name}: {median_ms:.1f} ms for one caller alone, the median of {REQUESTS}")
    return alone_ms


def hold_to_thresholds(environment: Environment, alone_ms: dict[str, float]) -> None:
    """Judge when Locust quits, and tell below its tables."""
    verdicts: list[Verdict] = []

    @environment.events.quitting.add_listener
    def conclude(environment: Environment, **_: Any) -> None:
        given, seen = given_options(environment), rows.seen(environment.stats)
        verdicts.extend(
            judge(
                seen,
                alone_ms,
                duration_s=rows.duration_s(environment.stats),
                thresholds=options.thresholds(given, users=given.num_users),
            )
        )
        environment.process_exit_code = 0 if all(verdict.holds for verdict in verdicts) else 1
        if given.html_file:
            write_whole(Path(given.html_file).with_suffix(".json"), as_json(seen, alone_ms, verdicts))

    @environment.events.quit.add_listener
    def tell(**_: Any) -> None:
        print(*verdicts, sep="\n")
        if report := given_options(environment).html_file:
            print(f"report: {report}")
