"""The command line of `scripts/add_model`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cronnx_server import environment
from cronnx_server.add_model.addition import Message, add, is_live
from cronnx_server.add_model.options import DEFAULT_MAX_BATCH_SIZE, Options
from cronnx_server.arguments import http_url
from cronnx_server.errors import CommandError, NoAnswerError
from cronnx_server.exports.facts import NAMES
from cronnx_server.model_spec import Task

LOCAL_SERVER = "http://127.0.0.1:8000"
EPILOG = """\
examples:
  scripts/add_model yolo11n.onnx --name detector
  scripts/add_model ./my-vit/ --name faces
  scripts/add_model resnet.onnx --name resnet --labels imagenet --dry-run
  scripts/add_model plants.onnx --name plants --labels plants.txt --size 192 --mean 0.5 --std 0.5
  scripts/add_model graph.onnx --name graph --raw

What is not given is read from the file's metadata, the files beside it, the graph, and the network's answers to
photographs; a table says what was found where. docs/add_model.md lists the exporters and the facts.

Exit status: 0 the model is added, and loaded if a server answers; 1 it is not, and one line says why; 2 usage.
If the name exists, the file becomes its next version. Clients get it after `cronnx promote`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Add a model; the exit status. Without arguments, those of the process."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.std and 0 in parsed.std:
        parser.error("argument --std: expected numbers above 0, got 0")
    if parsed.mean and parsed.scale is None and max(parsed.mean) > 1:
        parser.error(
            f"argument --mean: expected numbers up to 1, got {max(parsed.mean):g}; divide values for bytes by 255, or "
            "say with --scale 1 that the network takes bytes"
        )
    if parsed.quantise and parsed.raw:
        parser.error("argument --quantise: not allowed with --raw, which leaves the graph unchanged")
    if parsed.gpu and parsed.raw:
        parser.error("argument --gpu: not allowed with --raw, which leaves the graph unchanged")
    if parsed.force and not parsed.quantise:
        parser.error("argument --force: expected --quantise with it")
    try:
        with environment.setup_lock():
            _add(parsed)
    except CommandError as error:
        print(f"add_model: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("add_model: interrupted; no model is incomplete", file=sys.stderr)
        return 130
    return 0


def _add(parsed: argparse.Namespace) -> None:
    url = (parsed.url or LOCAL_SERVER).rstrip("/")
    live = not parsed.dry_run and is_live(url)
    if parsed.url and not live and not parsed.dry_run:
        raise NoAnswerError(f"no server answers at {url}; start one with scripts/serve, or omit --url")
    messages = add(options_of(parsed), url=url if live else None, dry_run=parsed.dry_run)
    if parsed.json:
        print(json.dumps(_collected(messages), indent=2))
        return
    for message in messages:
        if message.kind == "warnings":
            print(f"warning: {message.text}\n", file=sys.stderr, flush=True)
        else:
            print(f"{message.text}\n", flush=True)
    if not live and not parsed.dry_run:
        print(f"no server answers at {url}; scripts/serve starts one", file=sys.stderr)


def _collected(messages: Iterable[Message]) -> dict[str, Any]:
    """The report as JSON: one entry a kind, lists of warnings and notes."""
    report: dict[str, Any] = {"facts": [], "warnings": [], "notes": [], "added": []}
    for message in messages:
        if message.kind in ("warnings", "notes"):
            report[message.kind].append(message.value)
        else:
            report[message.kind] = message.value
    return report


def options_of(parsed: argparse.Namespace) -> Options:
    """The options of a parsed command line."""
    given = vars(parsed)
    facts = {name: given.get(name) for name in NAMES}
    facts["labels"] = None
    if parsed.bgr is not None:
        facts["channel_order"] = "BGR" if parsed.bgr else "RGB"
    if parsed.size:
        height, *width = parsed.size
        facts["size"] = (height, *(width or [height]))
    for name in ("mean", "std"):
        values = getattr(parsed, name)
        if values:
            facts[name] = tuple(values * 3 if len(values) == 1 else values)
    for name in ("fill", "outputs", "keypoint_shape"):
        facts[name] = tuple(getattr(parsed, name)) if getattr(parsed, name) else None
    return Options(
        source=parsed.source,
        name=parsed.name,
        facts=tuple((name, value) for name, value in facts.items() if value is not None),
        labels=parsed.labels,
        crop=parsed.crop,
        max_batch_size=parsed.max_batch_size,
        max_queue_delay_ms=parsed.max_queue_delay_ms,
        quantise=parsed.quantise,
        force=parsed.force,
        gpu=parsed.gpu,
        raw=parsed.raw,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/add_model",
        description="Serve an image model that was exported to ONNX: photographs in, the typed answer of its task out; "
        "with --raw, serve any graph unchanged.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source", type=Path, metavar="SOURCE", help="the ONNX file, or the folder that an exporter wrote"
    )
    parser.add_argument("--name", required=True, help="the name that clients use")
    parser.add_argument("--dry-run", action="store_true", help="say what would be added, and write nothing")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--url", type=http_url, help=f"the server that loads the model (default: {LOCAL_SERVER}, if it answers)"
    )
    parser.add_argument("--raw", action="store_true", help="serve the graph unchanged, with its own inputs and outputs")
    _add_answer_options(parser.add_argument_group("the answer"))
    _add_preprocessing_options(parser.add_argument_group("preprocessing"))
    _add_input_options(parser.add_argument_group("the network's input"))
    serving = parser.add_argument_group("serving")
    serving.add_argument(
        "--quantise",
        type=Path,
        metavar="FOLDER",
        help="serve the network in INT8, calibrated with the photographs of a folder; it is refused if the answers "
        "for them change too much",
    )
    serving.add_argument("--force", action="store_true", help="with --quantise, accept any change of the answers")
    serving.add_argument(
        "--gpu",
        action="store_true",
        help="also write the version that the profiles for GPUs serve: FP16, or with --quantise TensorRT's INT8",
    )
    serving.add_argument(
        "--max-batch-size", type=_count, metavar="N", help=f"the largest batch (default: {DEFAULT_MAX_BATCH_SIZE})"
    )
    serving.add_argument(
        "--max-queue-delay-ms", type=_delay, metavar="MS", help="the longest wait for a fuller batch (default: 0)"
    )
    return parser


def _add_answer_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--task", choices=[task.value for task in Task], help="what the model answers")
    group.add_argument(
        "--labels",
        metavar="FILE",
        help="a text file with a label per line, a JSON file, the word imagenet, or numbers for classes without names",
    )
    group.add_argument("--output", dest="outputs", nargs="+", metavar="NAME", help="the outputs that hold the answer")
    group.add_argument(
        "--format",
        dest="output_format",
        metavar="NAME",
        help="the layout of the outputs: see docs/add_model.md",
    )
    group.add_argument("--activation", choices=("softmax", "sigmoid", "none"), help="how the outputs become scores")
    group.add_argument("--first-class", type=_whole, metavar="N", help="the network's number for the first label")
    group.add_argument("--confidence", type=_share, metavar="SCORE", help="the lowest score of a detection")
    group.add_argument(
        "--iou", type=_share, metavar="IOU", help="the overlap above which the lower of two boxes is dropped"
    )
    group.add_argument("--max-detections", type=_count, metavar="N", help="the most detections of an image")
    group.add_argument(
        "--keypoint-shape", nargs=2, type=_count, metavar=("POINTS", "VALUES"), help="the keypoints of a pose model"
    )


def _add_preprocessing_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--size", nargs="+", type=_count, metavar="PIXELS", action=_OneOrTwo, help="height and width; one for a square"
    )
    group.add_argument(
        "--resize",
        choices=("exact", "shortest_edge", "letterbox", "nearest_scale"),
        help="how a photograph of another shape is fitted: stretched, covering, inside, or as DPT does",
    )
    group.add_argument(
        "--crop", type=_fraction, metavar="SHARE", help="the share of the resized image that the network sees"
    )
    group.add_argument(
        "--position", choices=("centre", "top_left"), help="where the photograph lies in the network's image"
    )
    group.add_argument("--fill", nargs=3, type=_byte, metavar=("R", "G", "B"), help="the colour of the padding")
    group.add_argument(
        "--resample",
        choices=("nearest", "box", "bilinear", "bicubic", "lanczos", "hamming"),
        help="the filter of the resize",
    )
    group.add_argument(
        "--antialias",
        action=argparse.BooleanOptionalAction,
        help="whether the filter widens where an image shrinks, as Pillow's do and OpenCV's do not",
    )


def _add_input_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--input", metavar="NAME", help="the image input")
    group.add_argument("--layout", choices=("NCHW", "NHWC"), help="the order of its dimensions")
    group.add_argument(
        "--bgr", action=argparse.BooleanOptionalAction, help="whether the network takes blue first, instead of red"
    )
    group.add_argument(
        "--scale", type=_number, metavar="FACTOR", help="what bytes are multiplied by (1/255 is 0.00392157)"
    )
    for name, what in (
        ("mean", "what is subtracted from each channel"),
        ("std", "what each channel is then divided by"),
    ):
        group.add_argument(
            f"--{name}",
            nargs="+",
            type=_number,
            action=_OneOrThree,
            metavar="VALUE",
            help=f"{what}, after scaling: one number, or three in the network's order of channels",
        )


class _Several(argparse.Action):
    """Accepts one number of values or another."""

    counts: tuple[int, ...] = ()

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - the type of argparse
        option_string: str | None = None,
    ) -> None:
        """Keep the values, or exit with what was expected."""
        if len(values) not in self.counts:
            expected = " or ".join(map(str, self.counts))
            parser.error(f"argument {option_string}: expected {expected} values, got {len(values)}")
        setattr(namespace, self.dest, values)


class _OneOrTwo(_Several):
    counts = (1, 2)


class _OneOrThree(_Several):
    counts = (1, 3)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 65535, got '{text}'")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got '{text}'") from None


def _fraction(text: str) -> float:
    number = _number(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and up to 1, got {text}")
    return number


def _share(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text}")
    return number


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got '{text}'")
    return int(text)


def _byte(text: str) -> int:
    if not text.isdecimal() or int(text) > 255:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 255, got '{text}'")
    return int(text)


def _delay(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 60_000:
        raise argparse.ArgumentTypeError(f"expected milliseconds from 0 to 60000, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
