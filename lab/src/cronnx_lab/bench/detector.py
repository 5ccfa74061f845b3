"""A detector on Triton against FastAPI, and against a client that does the work around the raw graph itself."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
from matplotlib.figure import Figure

from cronnx_lab import pictures
from cronnx_lab.bench import fastapi_rival
from cronnx_lab.errors import MeasurementError
from cronnx_lab.load import runner
from cronnx_lab.load.answers import OK, WARM_UP_S, Answers, Order, speed
from cronnx_lab.load.http_requests import to_fastapi, to_triton
from cronnx_lab.load.target import Target, write
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, TRITON, Case, Contender, Measurement, Round, measure_rounds
from cronnx_lab.measurement import warm_up as warm_up_cases
from cronnx_lab.report import Section, Table, new_folder, page, svg
from cronnx_lab.run_facts import run_facts
from cronnx_lab.servers import TritonServer, triton_server
from cronnx_lab.verdicts import Spread, Verdict, at_least, at_most, verdict_table
from cronnx_server import environment
from cronnx_server.add_model.addition import add
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import Repositories
from cronnx_server.files import write_whole
from cronnx_server.paths import ROOT
from cronnx_server.serve import tritonserver

NAME, RAW_NAME = "detector", "raw_detector"
RAW = "raw graph"
FASTAPI_TARGET, RAW_TARGET, BYTES_TARGET = 1.2, 1.5, 0.1
TIMEOUT_S = 60.0
"""For one answer of a server that may still be loading, in seconds."""


@dataclass(frozen=True)
class DetectorOptions:
    """What to measure, and for how long.

    Attributes:
        file: A detector as Ultralytics exports it, without suppression.
        picture: The name of a set of pictures.
        concurrency: Images in flight at a time.
        rounds: How often to measure each contender.
        seconds: The length of a case, without its warm-up.
    """

    file: Path
    picture: str
    concurrency: int
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Server:
    """A server under the closed loop, whose requests do not depend on the case."""

    target: Target

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        """See `Contender.measure`."""
        return self.target.measure(concurrency=case.concurrency, seconds=seconds)


@dataclass(frozen=True)
class RawClient:
    """The raw graph, asked by a client that preprocesses and suppresses.

    Attributes:
        server: The server.
        files: The image files to send.
        size: The side of the graph's input, in pixels.
    """

    server: TritonServer
    files: Sequence[Path]
    size: int

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        """See `Contender.measure`."""
        address = (self.server.addresses.address, self.server.addresses.http_port)
        order = Order([address], list(map(str, self.files)), WARM_UP_S + seconds, case.concurrency)
        command = [sys.executable, "-m", "cronnx_lab.bench.detector_client", f"{RAW_NAME}_onnx", str(self.size)]
        output, usage = runner.run(command, processes=self.server.processes, stdin=json.dumps(asdict(order)))
        found = json.loads(output)
        answers = Answers(**{**found, "answers": list(map(tuple, found["answers"]))})
        measured = speed(answers.spans(OK), seconds=seconds, drained=True)
        return Measurement(
            images_per_s=measured.images_per_s,
            latencies_s=measured.latencies_s,
            answered=len(answers.answers),
            failed=0,
            cpu_s=usage.cpu_s,
            generator_cpu_s=answers.cpu_s,
            pss_bytes=usage.pss_bytes,
        )


def compare(options: DetectorOptions) -> str:
    """Measure and write the report; its tables and the path of its page, as text.

    Raises:
        CommandError: The model cannot be added, or something cannot be started, measured or written.
    """
    with environment.setup_lock():
        tritonserver.distribution()
    facts = run_facts(model=options.file.name, rounds=options.rounds, seconds=options.seconds)
    cases = [Case(name, CLOSED_LOOP, 1, options.concurrency, options.picture) for name in (TRITON, FASTAPI, RAW)]
    with _contenders(options) as (contenders, bytes_per_image):
        warm_up_cases(cases, contenders)
        rounds = list(measure_rounds(cases, contenders, count=options.rounds, seconds=options.seconds))
    judged = _verdicts(cases, rounds, bytes_per_image)
    table = _table(cases, rounds, bytes_per_image)
    folder = new_folder()
    path = folder / "index.html"
    sections = [
        Section("Targets", verdict_table(judged).html(), "A ratio compares measurements of the same round."),
        Section("Throughput", _plot(cases, rounds)),
        Section("All contenders", table.html()),
        Section("The run", Table(("run", ""), list(facts.items())).html()),
    ]
    write_whole(path, page("Detector", sections).encode())
    return f"{table}\n\n{verdict_table(judged)}\n\n{path.relative_to(ROOT)}"


@contextlib.contextmanager
def _contenders(options: DetectorOptions) -> Iterator[tuple[dict[str, Contender], dict[str, int]]]:
    """The contenders, started and idle until their turn, and the bytes that each moves for one image."""
    size = _input_size(options.file)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        made = {options.picture: pictures.make(options.picture, folder / "pictures")}
        files = made[options.picture].contents()
        repositories = _added(options.file, folder)
        server = stack.enter_context(
            triton_server([repositories.models, repositories.ensembles], [NAME, f"{RAW_NAME}_onnx"])
        )
        requests = [to_triton(NAME, file, binary_answer=True) for file in files]
        address = (server.addresses.address, server.addresses.http_port)
        served = Server(Target([address], server.processes, write(requests, folder / "triton")))
        rival = stack.enter_context(
            fastapi_rival.serve(
                options.file, size=size, pictures=made, folder=folder / "fastapi", module=fastapi_rival.DETECTOR
            )
        )
        moved = {
            TRITON: _bytes_moved(address, requests[0]),
            FASTAPI: _bytes_moved(rival.addresses[0], to_fastapi(files[0])),
            RAW: _tensor_bytes(options.file),
        }
        yield {TRITON: served, FASTAPI: rival, RAW: RawClient(server, made[options.picture].paths, size)}, moved


def _added(file: Path, folder: Path) -> Repositories:
    """Repositories with the detector, and with the graph unchanged."""
    repositories = Repositories(folder / "models", folder / "ensembles", folder / "staging")
    for each in (repositories.models, repositories.ensembles):
        each.mkdir()
    for options in (Options(source=file, name=NAME), Options(source=file, name=RAW_NAME, raw=True)):
        for _message in add(options, url=None, repositories=repositories):
            pass
    return repositories


def _tensors(file: Path) -> tuple[list[int], list[int]]:
    """The shapes of the image and of the raw output."""
    graph = onnx.load(file, load_external_data=False).graph
    (image,), (raw, *others) = graph.input, graph.output
    shapes = _fixed_shape(image), _fixed_shape(raw)
    if others or image.name != "images" or len(shapes[1]) != 3 or not all(map(all, shapes)):
        raise MeasurementError(
            f"{file.name}: expected a detector of Ultralytics with fixed shapes and without suppression, "
            "`images` [1, 3, size, size] to one output [1, 4 + classes, anchors]"
        )
    return shapes


def _fixed_shape(tensor: onnx.ValueInfoProto) -> list[int]:
    return [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]


def _input_size(file: Path) -> int:
    return _tensors(file)[0][-1]


def _tensor_bytes(file: Path) -> int:
    """The bytes of the FP32 tensors that the client of the raw graph sends and receives for one image."""
    return 4 * sum(int(np.prod(shape)) for shape in _tensors(file))


def _bytes_moved(address: tuple[str, int], request: bytes) -> int:
    """The bytes of a request and of its answer."""
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return len(request) + len(str(answer.headers)) + len(answer.read())


def _verdicts(cases: Sequence[Case], rounds: Sequence[Round], moved: Mapping[str, int]) -> list[Verdict]:
    triton, fastapi, raw = cases
    share = moved[TRITON] / moved[RAW]
    return [
        at_least("fastapi", "images/s to FastAPI's", FASTAPI_TARGET, _ratio(triton, fastapi, rounds)),
        at_least("raw", "images/s to those of the raw graph's client", RAW_TARGET, _ratio(triton, raw, rounds)),
        at_most("bytes", "bytes on the wire to the raw graph's", BYTES_TARGET, Spread(share, share, share)),
    ]


def _ratio(case: Case, other: Case, rounds: Sequence[Round]) -> Spread:
    return Spread.of([each[case].images_per_s / each[other].images_per_s for each in rounds])


def _table(cases: Sequence[Case], rounds: Sequence[Round], moved: Mapping[str, int]) -> Table:
    headings = (
        "contender",
        "images/s",
        "p50 ms",
        "p99 ms",
        "server CPU ms/image",
        "client CPU ms/image",
        "bytes/image",
    )
    return Table(headings, [_row(case, rounds, moved[case.contender]) for case in cases])


def _row(case: Case, rounds: Sequence[Round], moved: int) -> list[str]:
    measured = [each[case] for each in rounds]
    latencies_ms = [1000 * latency for each in measured for latency in each.latencies_s]
    return [
        case.contender,
        f"{Spread.of([each.images_per_s for each in measured]).median:.1f}",
        *(f"{np.percentile(latencies_ms, percent):.0f}" for percent in (50, 99)),
        f"{1000 * Spread.of([each.cpu_s_per_image for each in measured]).median:.1f}",
        f"{1000 * Spread.of([each.generator_cpu_s_per_image for each in measured]).median:.1f}",
        str(moved),
    ]


def _plot(cases: Sequence[Case], rounds: Sequence[Round]) -> str:
    """Images a second of every contender, round by round."""
    axes = Figure((7.0, 4.0)).subplots()
    for case in cases:
        axes.plot(
            range(1, len(rounds) + 1), [each[case].images_per_s for each in rounds], marker="o", label=case.contender
        )
    axes.set_xlabel("round")
    axes.set_ylabel("images/s")
    axes.set_ylim(bottom=0)
    return svg(axes)
