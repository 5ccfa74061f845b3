"""Makes a specification of what is known of a model, or says which option settles what is not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import ModelProto
from PIL import Image

from cronnx_server.errors import ModelFileError
from cronnx_server.exports import detection_families, families
from cronnx_server.exports.defaults import DETECTION_TASKS, add_defaults
from cronnx_server.exports.facts import Fact, Facts
from cronnx_server.exports.families import Evidence, Interpretation, interpret
from cronnx_server.exports.graph_facts import DATATYPES, Graph, Tensor, add_graph_facts
from cronnx_server.exports.label_sets import LABEL_SETS
from cronnx_server.exports.measurement import FREE_SIDE, Answers, Runner, fills_of, photographs
from cronnx_server.exports.plausibility import plausibility_warnings
from cronnx_server.graphs.extra_inputs import Fill
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task

NUMBERED = "numbers"
"""The `--labels` that waives labels: classes are named by their numbers."""
BACKGROUNDS = ("background", "bg", "none", "unlabeled")
"""What lists of labels call the class of no object, without underscores around it."""
TIERS = (
    (
        detection_families.counted,
        detection_families.transformers,
        detection_families.dets_labels,
        families.named_features,
        families.named_depth,
    ),
    (detection_families.boxes_labels_scores, families.named_logits),
    (
        detection_families.boxes_and_scores,
        detection_families.rows,
    ),
    (detection_families.stated,),
    (families.tokens, families.vectors, families.maps),
)
CHOICES = {"confidence", "iou", "max_detections"}
"""Facts that are a choice rather than a property of the network: no warning if they are assumed."""
LEAST_SPREAD, LARGEST_SPREAD = 0.1, 300
"""The usual range of normalised values: 1 of values from 0 to 1, 255 of bytes."""
VALUE_FACTS = ("scale", "mean", "std", "channel_order")
RESIZE_FACTS = ("resize", "resize_size", "position", "rounding", "fill", "resample", "antialias")
PLACE_FACTS = ("position", "rounding", "fill")
"""What does not matter where an image fills the canvas."""
RECIPE_FACTS = ("resize", "longest_edge", "multiple", "position", "rounding", "fill", "resample", "antialias")
TRIED_SIDES = (FREE_SIDE, 224, 640, 384)


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What an ONNX file was found to be.

    Attributes:
        spec: The specification.
        facts: The facts it is made of, with their sources.
        warnings: What may be wrong, one sentence each, with the option that settles it.
        fills: What the inputs beside the image get, by name.
        classes: The number of classes of the outputs; None if they do not tell.
        cut_suppression: Whether the graph suppresses boxes itself, for the exported batch only. If
            `suppression.cut_before_suppression` finds the raw output, `output_format` becomes `ultralytics`.
    """

    spec: ModelSpec
    facts: Facts
    warnings: tuple[str, ...]
    fills: Mapping[str, Fill]
    classes: int | None
    cut_suppression: bool


def inspect(model: ModelProto, facts: Facts, *, images: Sequence[Image.Image] | None = None) -> Inspection:
    """Find out what a model is and how it is to be served.

    Args:
        model: The whole graph, which ONNX Runtime can load.
        facts: The facts of options, side files and metadata; those of the graph and of measurements, and what is
            assumed, are added.
        images: The photographs to run the network on; the project's own if None.

    Raises:
        ModelFileError: Something needed is not known, or two facts contradict each other.
    """
    graph = Graph(model)
    image = add_graph_facts(graph, facts)
    _check_size(image, facts)
    runner = Runner(graph, image, fills_of(graph, image))
    pictures = photographs() if images is None else images
    answers, side = _first_answers(runner, pictures, facts)
    reading = interpret(Evidence(graph, answers, facts), TIERS)
    _add_reading(reading, facts)
    add_defaults(graph, facts, tried_side=side)
    label_warnings = _resolve_labels(reading, facts)
    spec = _spec(image, facts)
    answers = runner.answers(pictures, spec.recipe, spec.input)
    warnings = (
        *_assumptions(graph, facts),
        *_unusual(facts),
        *label_warnings,
        *_value_warnings(spec.input, facts),
        *_twice_normalised(graph, facts),
        *plausibility_warnings(runner, pictures, spec, facts, answers),
    )
    return Inspection(
        spec=spec,
        facts=facts,
        warnings=warnings,
        fills=runner.fills,
        classes=reading.classes,
        cut_suppression=spec.output_format == "ultralytics_end2end" and "NonMaxSuppression" in graph.operators,
    )


def _first_answers(runner: Runner, pictures: Sequence[Image.Image], facts: Facts) -> tuple[Answers, int | None]:
    """The answers by which the outputs are read, and the side of the images if nothing says the size."""
    sides: Sequence[int | None] = (None,) if "size" in facts else TRIED_SIDES
    errors = []
    for side in sides:
        height, width = facts["size"] if side is None else (side, side)
        recipe = Recipe(height=height, width=width, resize=facts.get("resize", "exact"))
        try:
            return runner.answers(pictures, recipe, _network_input(runner.image, facts)), side
        except ModelFileError as error:
            errors.append(error)
    if sides == (None,):
        raise errors[0]
    raise ModelFileError(f"expected a size of images that the graph takes, got none of {sides}; pass --size")


def _add_reading(reading: Interpretation, facts: Facts) -> None:
    if reading.is_guess:
        facts.assume("task", reading.task.value, reading.source.removeprefix("graph: "))
    facts.add("task", reading.task.value, reading.source)
    facts.add("output_format", reading.output_format, reading.source)
    if facts.get("outputs") is None or len(facts["outputs"]) != len(reading.outputs):
        facts.correct("outputs", reading.outputs, reading.source)
    for name, value in (reading.facts or {}).items():
        said = facts.fact(name)
        differs = said and (said.assumed or said.value != value)
        if name == "activation" and said and differs and not said.source.startswith("--"):
            facts.correct(name, value, reading.source)  # a file names what comes after the graph
        facts.add(name, value, reading.source)
    for name, value in (reading.assumptions or {}).items():
        facts.assume(name, value, "as usual with this output")


def _check_size(image: Tensor, facts: Facts) -> None:
    """Compare the size that files or options say with that of the graph."""
    sides = (image.shape or ())[-2:] if facts["layout"] == "NCHW" else (image.shape or ())[-3:-1]
    fixed = all(isinstance(side, int) and side > 0 for side in sides)
    said = facts.fact("size")
    if not fixed or said is None or tuple(said.value) == tuple(sides):
        return
    if None in said.value:
        facts.correct("size", tuple(sides), "graph")
        facts.correct("resize", "exact", "assumed")
        facts.correct("resize_size", None, "graph")
        return
    raise ModelFileError(
        f"expected images of {sides[0]}x{sides[1]} as in the graph, got {said.value[0]}x{said.value[1]} "
        f"({said.source}); pass --size {sides[0]}, or export the model for that size"
    )


def _resolve_labels(reading: Interpretation, facts: Facts) -> list[str]:
    """Make the labels those of the network's classes; what is doubtful about them."""
    task, classes, labels = Task(facts["task"]), reading.classes, facts.get("labels")
    if task in families.WITHOUT_CLASSES:
        return []
    if labels is None:
        got = f"{classes} classes" if classes else "classes"
        hint = ", --labels imagenet if the classes are ImageNet's" if classes in (1000, 1001) else ""
        hint += ", --raw if the one value is no score" if classes == 1 else ""
        raise ModelFileError(
            f"expected labels for {got}, got none; pass --labels FILE{hint}, or --labels {NUMBERED} to answer with "
            "numbers"
        )
    source = facts.fact("labels")
    where = source.source if source else ""
    if labels == NUMBERED:
        if classes is None:
            raise ModelFileError("expected labels, because the outputs do not tell how many; pass --labels FILE")
        facts.correct("labels", tuple(f"class {number}" for number in range(classes)), where)
        return []
    if isinstance(labels, str):
        if labels not in LABEL_SETS:
            raise ModelFileError(
                f"{where}: expected a file of labels, {NUMBERED} or {', '.join(LABEL_SETS)}, got {labels}"
            )
        labels = tuple(LABEL_SETS[labels]())
    said = _without_background(tuple(labels), classes, facts)
    facts.correct("labels", _checked_labels(said, classes, facts, where), where)
    return _background_warnings(said, classes, facts, where)


def _without_background(labels: tuple[str, ...], classes: int | None, facts: Facts) -> tuple[str, ...]:
    """The labels without the background, where the network's first class is the one after it."""
    if facts.get("first_class") != 1 or labels[:1] == () or classes == len(labels):
        return labels
    return labels[1:] if _is_background(labels[0]) else labels


def _background_warnings(labels: tuple[str, ...], classes: int | None, facts: Facts, where: str) -> list[str]:
    """A warning if the background is among the labels of objects, or was added to them."""
    if len(labels) == 1000 and classes == 1001:
        return [
            f"{where} has 1000 labels for 1001 classes: assumed background as class 0; if that is wrong, pass --labels"
        ]
    if Task(facts["task"]) in DETECTION_TASKS and _is_background(labels[0]) and facts.get("first_class") == 0:
        return [
            f"the first label in {where} is '{labels[0]}', but the network numbers its objects from 0; if that is "
            "no class of the network, pass --labels without it"
        ]
    return []


def _is_background(label: str) -> bool:
    return label.strip("_ ").lower() in BACKGROUNDS


def _checked_labels(labels: tuple[str, ...], classes: int | None, facts: Facts, where: str) -> tuple[str, ...]:
    if classes is None or len(labels) == classes:
        return labels
    if classes == 1001 and len(labels) == 1000:  # TensorFlow's networks have the background as class 0
        return ("background", *labels)
    hint = ""
    if len(labels) == classes - 1:
        hint = "; if the network has one class more for the background, add it to the labels where it stands"
    elif len(labels) == classes + 1:
        hint = "; if the first label is the background, remove it"
    if facts["task"] == Task.POSE.value or facts["output_format"] == "ultralytics":
        hint += "; if the other columns are keypoints or an angle, pass --task"
    raise ModelFileError(
        f"{where}: expected {classes} labels, one for each class of the network, got {len(labels)}; pass a matching "
        f"--labels{hint}"
    )


def _spec(image: Tensor, facts: Facts) -> ModelSpec:
    height, width = facts["size"]
    given: dict[str, Any] = {name: facts[name] for name in RECIPE_FACTS if name in facts}
    resize_size = facts.get("resize_size")
    recipe = Recipe(
        height=height, width=width, resize_size=tuple(resize_size) if resize_size else None, **_tuples(given)
    )
    fields = ("first_class", "confidence", "iou", "max_detections", "keypoint_shape", "activation")
    task = Task(facts["task"])
    if task == Task.POSE and "keypoint_shape" not in facts:
        raise ModelFileError("expected the number of keypoints of a pose model, got none; pass --keypoint-shape")
    return ModelSpec(
        task=task,
        output_format=facts["output_format"],
        outputs=tuple(facts["outputs"]),
        recipe=recipe,
        input=_network_input(image, facts),
        labels=tuple(facts.get("labels", ())) if task not in families.WITHOUT_CLASSES else (),
        **_tuples({name: facts[name] for name in fields if name in facts}),
    )


def _network_input(image: Tensor, facts: Facts) -> NetworkInput:
    fields = _tuples({name: facts[name] for name in VALUE_FACTS if name in facts})
    datatype = DATATYPES[image.element_type]
    if datatype == "UINT8":  # only bytes fit
        fields = {key: value for key, value in fields.items() if key == "channel_order"} | {"scale": 1.0}
    return NetworkInput(name=image.name, layout=facts["layout"], datatype=datatype, **fields)


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _assumptions(graph: Graph, facts: Facts) -> list[str]:
    """A warning for what is assumed and changes answers; facts of one kind share one."""
    assumed = [fact for fact in facts if fact.assumed and fact.name not in CHOICES]
    if facts["resize"] == "exact" and facts.get("resize_size") in (None, facts["size"]):
        assumed = [fact for fact in assumed if fact.name not in PLACE_FACTS]
    if DATATYPES.get(graph.image(facts["input"]).element_type) == "UINT8":
        assumed = [fact for fact in assumed if fact.name not in VALUE_FACTS or fact.name == "channel_order"]
    warnings = []
    for names, subject in (
        (VALUE_FACTS, "the values of the input"),
        (RESIZE_FACTS, "how images are resized"),
    ):
        group = [fact for fact in assumed if fact.name in names]
        if group:
            warnings.append(_assumption(subject, group))
    activation = facts.fact("activation")
    if activation in assumed and activation.value == "softmax" and facts["task"] == Task.CLASSIFICATION.value:
        assumed.remove(activation)
        warnings.append(
            f"nothing says whether a photograph has one class or several labels: assumed one class, by softmax"
            f"{_reason(activation)}; if labels are independent of each other, pass --task multi_label, else "
            "--task classification"
        )
    rest = [fact for fact in assumed if fact.name not in (*VALUE_FACTS, *RESIZE_FACTS)]
    return warnings + [_assumption(f"the {fact.name.replace('_', ' ')}", [fact]) for fact in rest]


def _twice_normalised(graph: Graph, facts: Facts) -> list[str]:
    """A warning if a file names a normalisation, and the graph begins with one."""
    scaling, said = graph.scaling(facts["input"]), facts.fact("mean")
    if scaling is None or scaling.input_range is None or said is None or said.source.startswith(("graph", "--")):
        return []
    largest = 255 * facts["scale"]
    plain = not any(facts["mean"]) and set(facts["std"]) == {1.0}
    if plain and math.isclose(largest, scaling.input_range, rel_tol=0.01):
        return []
    return [
        f"the graph begins with {', '.join(scaling.operators)}, and {said.source} normalises as well; if that is once "
        f"too often, pass --scale {scaling.input_range / 255:.4g} --mean 0 --std 1"
    ]


def _unusual(facts: Facts) -> list[str]:
    """A warning for what a file says, and something speaks against."""
    return [
        f"{fact.source} says that {fact.name.replace('_', ' ')} is {_shown(fact.value)}, but {fact.unusual}; if that "
        f"is wrong, pass {fact.option}"
        for fact in facts
        if fact.unusual
    ]


def _value_warnings(network_input: NetworkInput, facts: Facts) -> list[str]:
    """A warning if mean and std are not of the same unit as the scaled bytes."""
    largest = 255 * network_input.scale
    means, spreads = network_input.mean, [largest / abs(std) for std in network_input.std]
    if max(map(abs, means)) <= 1.01 * largest and min(spreads) >= LEAST_SPREAD and max(spreads) <= LARGEST_SPREAD:
        return []
    sources = ", ".join(dict.fromkeys(fact.source for name in VALUE_FACTS[:3] if (fact := facts.fact(name))))
    return [
        f"bytes become values from 0 to {largest:.3g}, with a mean of {_shown(means)} and a std of "
        f"{_shown(network_input.std)} ({sources}), which do not belong together; pass --scale, --mean and --std"
    ]


def _assumption(subject: str, group: Sequence[Fact]) -> str:
    parts = []
    for reason, facts in itertools.groupby(group, key=_reason):
        parts.append(", ".join(f"{fact.name} {_shown(fact.value)}" for fact in facts) + reason)
    options = ", ".join(dict.fromkeys(fact.option for fact in group))
    return f"nothing says {subject}: assumed {', '.join(parts)}; if that is wrong, pass {options}"


def _reason(fact: Fact) -> str:
    """What makes an assumption likely, in parentheses; empty if nothing does."""
    reason = fact.source.removeprefix("assumed").removeprefix(": ")
    return f" ({reason})" if reason else ""


def _shown(value: Any) -> str:  # noqa: ANN401 - the type depends on the fact
    if isinstance(value, (list, tuple)):
        return ",".join(map(_shown, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
