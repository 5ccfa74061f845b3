"""`cronnx bench`: a short measurement."""

from __future__ import annotations

import argparse
import itertools

from cronnx._client import DEFAULT_MODEL_NAME
from cronnx._images import image_file
from cronnx.command_line._closed_loop import Measurement, measure
from cronnx.command_line._complaints import Complaints
from cronnx.command_line._connection import Connect, add_connection, open_client
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._image_paths import image_paths
from cronnx.command_line._numbers import counts, seconds
from cronnx.command_line._sample_image import sample_image
from cronnx.command_line._text import table

_HEADINGS = ("CONCURRENCY", "IMAGES/S", "P50 ms", "P95 ms", "P99 ms", "ERRORS")
_MAX_IMAGES = 64


def add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "bench",
        help="measure images a second and latencies",
        description="Measure images a second and latencies in a closed loop: a number of requests is under way all the"
        " time.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "path",
        nargs="?",
        metavar="PATH",
        help=f"an image, or a folder, of which {_MAX_IMAGES} images are sent; default: a made-up photo",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL_NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--model-version", default="", metavar="VERSION", help="default: the server's choice")
    parser.add_argument(
        "--concurrency", type=counts, default="1,4,16", metavar="N,...", help="measure each; default: %(default)s"
    )
    parser.add_argument(
        "--seconds", type=seconds, default=5.0, metavar="SECONDS", help="for each; default: %(default)g"
    )
    add_connection(parser)
    parser.set_defaults(run=_bench)


def _bench(options: argparse.Namespace, connect: Connect) -> ExitCode:
    complain = Complaints()
    images = _images(options.path, complain)
    if not images:
        return ExitCode.FAILED
    with open_client(options, connect) as client:
        client.classify(images[0], model_name=options.model, model_version=options.model_version)  # connect, warm up
        measurements = [
            measure(
                client,
                images,
                concurrency=concurrency,
                seconds=options.seconds,
                model_name=options.model,
                model_version=options.model_version,
            )
            for concurrency in options.concurrency
        ]
    print(table(_HEADINGS, [_cells(each) for each in measurements]))
    failed = complain.count or any(each.errors for each in measurements)
    return ExitCode.FAILED if failed else ExitCode.DONE


def _images(path: str | None, complain: Complaints) -> list[bytes]:
    if path is None:
        return [sample_image()]
    paths = image_paths([path], complain=complain)
    return [image_file(each) for each in itertools.islice(paths, _MAX_IMAGES)]


def _cells(measured: Measurement) -> list[str]:
    latencies = measured.latencies_ms or ()
    return [
        str(measured.concurrency),
        f"{measured.images_per_s:.1f}",
        *([f"{each:.1f}" for each in latencies] or ["-"] * 3),
        str(measured.errors),
    ]
