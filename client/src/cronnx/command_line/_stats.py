"""`cronnx stats`: show each model's rates, like top."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from cronnx import Client, ModelStatistics
from cronnx.command_line._options import (
    Commands,
    Connect,
    EachAnswer,
    add_command,
    add_connection,
    ask_each,
    errors_of,
    open_each,
    seconds,
)
from cronnx.command_line._report import ErrorLog, ExitCode, printable, table, terminal_width

_HEADINGS = ("MODEL", "INFER/S", "FAIL/S", "BATCH", "QUEUE µs", "INPUT", "INFER", "OUTPUT")

_DESCRIPTION = """\
Show each model's rates: inferences and failures a second, the average batch size, and the time of a request in the
queue, for its inputs, in the model and for its outputs, in microseconds. On a terminal the table is updated until
Ctrl-C. Elsewhere, and with --once or --json, it covers one interval. With --json: interval_s; models, a list of server,
name, version, inferences_per_s, executions_per_s, failures_per_s, and average_batch, queue_us, input_us, infer_us and
output_us, which are null without a request; and errors, a list of server and error.
"""

_EXAMPLES = ("cronnx stats", "cronnx stats efficientnet_lite0 --once --interval 10", "cronnx stats --json")


def add_stats(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "stats", summary="show each model's rates, like top", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.add_argument("model", nargs="?", default="", metavar="MODEL", help="show only this model")
    parser.add_argument(
        "--interval", type=seconds, default=1.0, metavar="SECONDS", help="time between readings; default: %(default)g"
    )
    parser.add_argument("--once", action="store_true", help="stop after one interval")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_connection(parser, several="each of them is shown")
    parser.set_defaults(run=_stats)


def _stats(options: argparse.Namespace, connect: Connect) -> ExitCode:
    with open_each(options, connect) as clients:
        intervals = _intervals(clients, options.model, options.interval)
        if sys.stdout.isatty() and not (options.once or options.json):
            _show(intervals)
            return ExitCode.DONE
        each = next(intervals)
    errors = ErrorLog()
    for server, error in each.errors.items():
        errors(f"{server}: {error}")
    if options.json:
        models = [{"server": server, **asdict(model)} for server, models in each.answers.items() for model in models]
        print(json.dumps({"interval_s": options.interval, "models": models, "errors": errors_of(each)}))
    else:
        print(_table(each))
    return ExitCode.FAILED if errors.count else ExitCode.DONE


def _intervals(clients: Mapping[str, Client], model: str, interval_s: float) -> Iterator[EachAnswer[list[Rates]]]:
    """Yield the rates of each server again and again. A server is left out until it has answered twice in a row."""

    def read(client: Client) -> tuple[list[ModelStatistics], float]:
        return client.statistics(model), time.monotonic()

    before = ask_each(clients, read)
    while True:
        time.sleep(interval_s)
        after = ask_each(clients, read)
        both = before.answers.keys() & after.answers.keys()
        measured = {
            server: rates(before.answers[server][0], statistics, seconds=read_at - before.answers[server][1])
            for server, (statistics, read_at) in after.answers.items()
            if server in both
        }
        yield EachAnswer(measured, {**before.errors, **after.errors})
        before = after


def _show(intervals: Iterator[EachAnswer[list[Rates]]]) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(Text("Reading…"), auto_refresh=False) as live:
        for each in intervals:
            failed = [f"{server}: {printable(str(error))}" for server, error in each.errors.items()]
            live.update(Text("\n".join([_table(each), *failed]), no_wrap=True, overflow="ellipsis"), refresh=True)


def _table(each: EachAnswer[list[Rates]]) -> str:
    """Return the rates as a table, with the servers if there are several."""
    several = len(each.answers) + len(each.errors) > 1
    rows = [
        [*([server] if several else []), *_cells(model)] for server, models in each.answers.items() for model in models
    ]
    return table([*(["SERVER"] if several else []), *_HEADINGS], rows, width=terminal_width())


def _cells(model: Rates) -> list[str]:
    per_request = (model.queue_us, model.input_us, model.infer_us, model.output_us)
    return [
        f"{model.name}/{model.version}",
        f"{model.inferences_per_s:.1f}",
        f"{model.failures_per_s:.1f}",
        "-" if model.average_batch is None else f"{model.average_batch:.2f}",
        *("-" if each is None else f"{each:.0f}" for each in per_request),
    ]


@dataclass(frozen=True)
class Rates:
    """What one version of a model did in an interval. Times per request are None if no request succeeded.

    Attributes:
        name: The model's name.
        version: The version.
        inferences_per_s: Inferences per second; each element of a batch counts.
        executions_per_s: Executions per second; a batch counts once.
        average_batch: The average batch size; None without an execution.
        queue_us: The time of a request in the queue, in microseconds.
        input_us: The time to prepare its inputs, in microseconds.
        infer_us: The time to execute the model, in microseconds.
        output_us: The time to extract its outputs, in microseconds.
        failures_per_s: Failed requests per second.
    """

    name: str
    version: str
    inferences_per_s: float
    executions_per_s: float
    average_batch: float | None
    queue_us: float | None
    input_us: float | None
    infer_us: float | None
    output_us: float | None
    failures_per_s: float


def rates(before: Iterable[ModelStatistics], after: Iterable[ModelStatistics], *, seconds: float) -> list[Rates]:
    """Compare two readings.

    Args:
        before: The first reading.
        after: The second reading.
        seconds: The time between them, in seconds.

    Returns:
        The rates of each model in the second reading, by name and version.
    """
    earlier = {(each.name, each.version): each for each in before}
    later = sorted(after, key=lambda each: (each.name, each.version))
    return [_rates(earlier.get((each.name, each.version)), each, seconds) for each in later]


def _rates(before: ModelStatistics | None, after: ModelStatistics, seconds: float) -> Rates:
    def since(field: str) -> int:
        was_reloaded = before is None or _requests(after) < _requests(before)
        return int(getattr(after, field)) - (0 if was_reloaded else int(getattr(before, field)))

    def per_request_us(field: str) -> float | None:
        answered = since("success_count")
        return since(field) / answered / 1000 if answered else None

    inferences, executions = since("inference_count"), since("execution_count")
    return Rates(
        name=after.name,
        version=after.version,
        inferences_per_s=inferences / seconds,
        executions_per_s=executions / seconds,
        average_batch=inferences / executions if executions else None,
        queue_us=per_request_us("queue_ns"),
        input_us=per_request_us("compute_input_ns"),
        infer_us=per_request_us("compute_infer_ns"),
        output_us=per_request_us("compute_output_ns"),
        failures_per_s=since("fail_count") / seconds,
    )


def _requests(statistics: ModelStatistics) -> int:
    return statistics.success_count + statistics.fail_count
