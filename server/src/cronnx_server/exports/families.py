"""Tells which task a network does and how its outputs are laid out, by their names, shapes and values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.graph_facts import Graph
from cronnx_server.exports.measurement import Answers, is_softmax, is_unit
from cronnx_server.model_spec import Task

TASK_NAMES = ", ".join(task.value for task in Task)
WITHOUT_CLASSES = {Task.EMBEDDING, Task.DEPTH}
"""Tasks without labels."""


@dataclass(frozen=True, kw_only=True)
class Interpretation:
    """One reading of a network's outputs.

    Attributes:
        task: The task.
        output_format: The layout of the outputs; see `ModelSpec.output_format`.
        outputs: The outputs that the answer is made of, in the order of the format.
        source: What says so, for the user.
        classes: The number of classes that the outputs have; None if they do not tell.
        facts: Further facts that the reading is sure of, by name.
        assumptions: Further facts that the reading makes likely, by name.
        is_guess: Whether outputs of another task could look the same.
    """

    task: Task
    output_format: str
    outputs: tuple[str, ...]
    source: str
    classes: int | None = None
    facts: Mapping[str, Any] | None = None
    assumptions: Mapping[str, Any] | None = None
    is_guess: bool = False


@dataclass(frozen=True)
class Output:
    """An output of a network, as photographs gave it.

    Attributes:
        name: Its name.
        shape: Its shape for one photograph.
        integral: Whether its values are whole numbers.
        last_operator: The operator that computes it; see `Graph.last_operator`.
        batched: Whether the graph declares its first dimension as the batch of the image input.
    """

    name: str
    shape: tuple[int, ...]
    integral: bool
    last_operator: str
    batched: bool

    @property
    def vector(self) -> int:
        """The length of the one vector that an image gets; 0 if the output is no vector."""
        long = [side for side in self.shape[1:] if side != 1]
        flat = len(self.shape) in (2, 4) and self.shape[0] == 1 and len(long) <= 1
        return self.shape[1] if flat and self.shape[2:] in ((), (1, 1)) else 0


class Evidence:
    """What is known of a network before its outputs are read.

    Attributes:
        graph: The graph.
        answers: Its outputs for photographs.
        facts: The facts of options, side files and metadata.
    """

    def __init__(self, graph: Graph, answers: Answers, facts: Facts) -> None:
        """Collect the evidence."""
        self.graph, self.answers, self.facts = graph, answers, facts

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs to read: those that `outputs` names, or all."""
        chosen = self.facts.get("outputs")
        known = [tensor.name for tensor in self.graph.outputs]
        if unknown := [name for name in chosen or () if name not in known]:
            raise ModelFileError(
                f"expected an output of the graph ({', '.join(known)}), got '{unknown[0]}'; pass --output"
            )
        image = next(tensor for tensor in self.graph.inputs if tensor.name == self.facts["input"])
        batch = (image.shape or ("",))[0]
        return tuple(
            Output(
                name,
                self.answers.shape(name),
                self.graph.output(name).integral,
                self.graph.last_operator(name),
                (self.graph.output(name).shape or ("?",))[0] == batch,
            )
            for name in chosen or known
        )

    def named(self, *names: str) -> tuple[Output, ...] | None:
        """The outputs of these names, in this order; None if one is missing."""
        by_name = {output.name: output for output in self.outputs}
        return tuple(by_name[name] for name in names) if by_name.keys() >= set(names) else None

    @property
    def label_count(self) -> int | None:
        """The number of labels that are given; None if there are none, or only the name of a set."""
        labels = self.facts.get("labels")
        return len(labels) if isinstance(labels, (list, tuple)) else None

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The file's metadata, with Python's literals read."""
        return {key: _literal(value) for key, value in self.graph.metadata.items()}

    def rows(self, output: Output) -> npt.NDArray[Any]:
        """The rows [n, columns] of an output of all photographs."""
        return self.answers.rows(output.name)


Rule = Callable[[Evidence], Iterator[Interpretation]]


def interpret(evidence: Evidence, tiers: Sequence[Sequence[Rule]]) -> Interpretation:
    """The one reading of a network's outputs that the evidence allows.

    Args:
        evidence: What is known.
        tiers: Rules in the order of trust; those of a later tier count only if none of an earlier one applies.

    Raises:
        ModelFileError: No reading fits, or several do; the message names the option that settles it.
    """
    task, output_format = evidence.facts.get("task"), evidence.facts.get("output_format")
    if task is not None and task not in {each.value for each in Task}:
        raise ModelFileError(f"expected one of the tasks {TASK_NAMES}, got {task}; pass --task, or use --raw")
    for tier in tiers:
        found = {
            (reading.task, reading.output_format, reading.outputs): reading
            for rule in tier
            for reading in rule(evidence)
            if task in (None, reading.task.value) and output_format in (None, reading.output_format)
        }
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise ModelFileError(_several(list(found.values())))
    raise ModelFileError(_none(evidence))


def vectors(evidence: Evidence) -> Iterator[Interpretation]:
    """Class scores or an embedding: one vector for each image."""
    candidates = [output for output in evidence.outputs if output.vector and not output.integral]
    of_labels = [output for output in candidates if output.vector == evidence.label_count]
    for output in of_labels if len(of_labels) == 1 else candidates:
        yield from _vector(evidence, output)


def named_features(evidence: Evidence) -> Iterator[Interpretation]:
    """The outputs of image encoders, by the names that Hugging Face's exports give them."""
    if evidence.named("logits"):
        return
    for name in ("image_embeds", "pooler_output", "last_hidden_state"):
        if (found := evidence.named(name)) is None:
            continue
        (output,) = found
        if output.vector:
            yield _embedding(output, "graph: output name")
        elif len(output.shape) == 3:
            yield Interpretation(
                task=Task.EMBEDDING, output_format="cls_token", outputs=(name,), source="graph: output name"
            )
        return


def named_logits(evidence: Evidence) -> Iterator[Interpretation]:
    """The scores of a network with further outputs, by the usual name."""
    for name in ("logits", "out"):
        if found := evidence.named(name):
            (output,) = found
            yield from _vector(evidence, output) if output.vector else _map(evidence, output)
            return


def named_depth(evidence: Evidence) -> Iterator[Interpretation]:
    """Depth, by its name."""
    for output in evidence.outputs:
        if ("depth" in output.name or "disparity" in output.name) and _is_plane(output) and not output.integral:
            yield _depth(output, "graph: output name")


def maps(evidence: Evidence) -> Iterator[Interpretation]:
    """One value, or one score of each class, for each pixel."""
    for output in evidence.outputs:
        yield from _map(evidence, output)


def tokens(evidence: Evidence) -> Iterator[Interpretation]:
    """A sequence of tokens, of which the first stands for the image; only where the task is known."""
    if evidence.facts.get("task") == Task.EMBEDDING.value:
        for output in evidence.outputs:
            if len(output.shape) == 3 and not output.integral:
                yield Interpretation(
                    task=Task.EMBEDDING, output_format="cls_token", outputs=(output.name,), source="graph: output shape"
                )


def scores_activation(evidence: Evidence, output: Output) -> tuple[str, str]:
    """What makes scores of an output, by its last operator and its values.

    Returns:
        `none` with the source if the values are scores already; empty strings if they are not.
    """
    values = evidence.rows(output) if len(output.shape) == 2 else np.stack(evidence.answers.values(output.name))
    if output.last_operator in ("Softmax", "Sigmoid", "HardSigmoid"):
        return "none", f"graph: ends with {output.last_operator}"
    if output.vector > 1 and is_softmax(values.reshape(-1, output.vector)):
        return "none", "measured: the scores of each photograph sum to 1"
    return "", ""


def _vector(evidence: Evidence, output: Output) -> Iterator[Interpretation]:
    task = evidence.facts.get("task")
    if task == Task.EMBEDDING.value:
        yield _embedding(output, "graph: output shape")
        return
    if task is None and evidence.facts.get("activation") == "sigmoid":
        task = Task.MULTI_LABEL.value
    activation, source = scores_activation(evidence, output)
    values = np.concatenate([value.reshape(1, -1) for value in evidence.answers.values(output.name)])
    sums_to_one = output.last_operator == "Softmax" or (output.vector > 1 and is_softmax(values))
    if task is None and output.last_operator == "Normalise":
        yield _embedding(output, "graph: ends with a division by the vector's length")
    elif output.vector > 1 and (sums_to_one or (activation and task == Task.CLASSIFICATION.value)):
        yield _scores(Task.CLASSIFICATION, output, source, {"activation": "none"})
    elif activation or (task == Task.MULTI_LABEL.value and is_unit(values) and (values > 0).any()):
        if output.vector > 1 or evidence.label_count == 1 or task is not None:
            yield _scores(Task.MULTI_LABEL, output, source or "measured: values from 0 to 1", {"activation": "none"})
        else:
            raise ModelFileError(
                f"expected several classes or one label, got one score for each image in '{output.name}'; "
                "pass --task multi_label and --labels with the one label that a high score means"
            )
    elif output.last_operator == "LogSoftmax" and task in (None, Task.CLASSIFICATION.value):
        yield _scores(Task.CLASSIFICATION, output, "graph: ends with LogSoftmax", {"activation": "softmax"})
    elif output.vector == 1:
        if task != Task.MULTI_LABEL.value:
            raise ModelFileError(
                f"expected scores of classes or a vector, got one number for each image in '{output.name}'; a "
                "regression is served with --raw; if it is the score of one label, pass --task multi_label"
            )
        yield _logits(Task.MULTI_LABEL, output, evidence)
    elif task in (Task.MULTI_LABEL.value, Task.CLASSIFICATION.value):
        yield _logits(Task(task), output, evidence)
    elif "labels" in evidence.facts:
        yield _scores(Task.CLASSIFICATION, output, "graph: one value for each label", None, {"activation": "softmax"})
    else:
        raise ModelFileError(
            f"expected class scores with labels, or a feature vector, got {output.vector} values for each image in "
            f"'{output.name}' and no labels; for class scores pass --labels{_imagenet_hint(output.vector)}, for a "
            "feature vector --task embedding"
        )


def _logits(task: Task, output: Output, evidence: Evidence) -> Interpretation:
    """Values that become scores by the activation of the task; the output's shape does not prove one assumed before."""
    activation = "sigmoid" if task is Task.MULTI_LABEL else "softmax"
    is_known = evidence.facts.get("activation") == activation
    return _scores(task, output, "graph: output shape", None if is_known else {"activation": activation})


def _map(evidence: Evidence, output: Output) -> Iterator[Interpretation]:
    task = evidence.facts.get("task")
    height, width = evidence.answers.size
    if output.integral and _is_plane(output):
        yield Interpretation(
            task=Task.SEMANTIC_SEGMENTATION,
            output_format="class_map",
            outputs=(output.name,),
            source="graph: whole numbers for each pixel",
        )
    elif _is_plane(output):
        if task == Task.DEPTH.value:
            yield _depth(output, "graph: output shape")
        elif task == Task.SEMANTIC_SEGMENTATION.value and len(output.shape) == 4:
            yield _class_logits(output, "class_logits", None)  # one score tells two classes
        elif task is None and _is_map(output, (height, width)):
            raise ModelFileError(
                f"expected a known meaning of one value for each pixel, got '{output.name}' {list(output.shape)}; pass "
                "--task depth, --task semantic_segmentation for a mask, or --raw for anything else"
            )
    elif len(output.shape) == 4 and not output.integral:
        _, channels, *plane = output.shape
        if _covers(plane, (height, width)) and channels > 1:
            output_format = "class_logits"
        elif _covers(output.shape[1:3], (height, width)) and output.shape[3] > 1:
            output_format, channels = "class_logits_nhwc", output.shape[3]
        else:
            return
        if task is None and "labels" not in evidence.facts:
            raise ModelFileError(
                f"expected a known meaning of {channels} values for each pixel, got '{output.name}' "
                f"{list(output.shape)}; for scores of classes pass --task semantic_segmentation and --labels, for an "
                "image or features --raw"
            )
        yield _class_logits(output, output_format, channels, is_guess=True)


def _is_map(output: Output, image: tuple[int, int]) -> bool:
    """Whether a plane of one value for each pixel has about the shape of the image."""
    sides = [side for side in output.shape[1:] if side != 1]
    return len(sides) == 2 and _covers(sides, image)


def _covers(plane: Sequence[int], image: tuple[int, int]) -> bool:
    """Whether a plane is an image, or one made smaller by up to 16."""
    return all(side / 16 <= part <= side for part, side in zip(plane, image, strict=True))


def _is_plane(output: Output) -> bool:
    """Whether there is one value for each pixel: [batch, h, w], [batch, 1, h, w] or [batch, h, w, 1]."""
    shape = output.shape[1:]
    if len(shape) == 3:
        shape = shape[1:] if shape[0] == 1 else shape
    return len(shape) == 2 and min(shape) > 8


def _scores(
    task: Task,
    output: Output,
    source: str,
    facts: Mapping[str, Any] | None,
    assumptions: Mapping[str, Any] | None = None,
) -> Interpretation:
    return Interpretation(
        task=task,
        output_format="scores",
        outputs=(output.name,),
        source=source,
        classes=output.vector,
        facts=facts,
        assumptions=assumptions,
    )


def _embedding(output: Output, source: str) -> Interpretation:
    return Interpretation(task=Task.EMBEDDING, output_format="vector", outputs=(output.name,), source=source)


def _depth(output: Output, source: str) -> Interpretation:
    return Interpretation(task=Task.DEPTH, output_format="depth", outputs=(output.name,), source=source)


def _class_logits(output: Output, output_format: str, classes: int | None, *, is_guess: bool = False) -> Interpretation:
    return Interpretation(
        task=Task.SEMANTIC_SEGMENTATION,
        output_format=output_format,
        outputs=(output.name,),
        source="graph: several values for each pixel",
        classes=classes,
        is_guess=is_guess,
    )


def _imagenet_hint(classes: int) -> str:
    return " (imagenet, if these are ImageNet's)" if classes in (1000, 1001) else ""


def _several(found: Sequence[Interpretation]) -> str:
    readings = "; ".join(f"{each.task.value}, {each.output_format} of {', '.join(each.outputs)}" for each in found)
    options = [
        option
        for option, differs in {
            "--task": len({each.task for each in found}) > 1,
            "--output": len({each.outputs for each in found}) > 1,
            "--format": len({each.output_format for each in found}) > 1,
        }.items()
        if differs
    ]
    return f"expected one reading of the outputs, got {len(found)} ({readings}); pass {' or '.join(options)}"


def _none(evidence: Evidence) -> str:
    got = ", ".join(f"'{output.name}' {list(output.shape)}" for output in evidence.outputs)
    asked = " and ".join(
        f"{fact.name} {fact.value} ({fact.source})"
        for fact in evidence.facts
        if fact.name in ("task", "output_format", "outputs")
    )
    return (
        f"expected outputs of one of the tasks {TASK_NAMES}, got {got}{f' for {asked}' if asked else ''}; "
        "pass --task, --output or --format (docs/add_model.md lists the formats), or use --raw"
    )


def _literal(text: str) -> Any:  # noqa: ANN401 - metadata is any literal
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
