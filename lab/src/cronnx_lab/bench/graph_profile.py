"""Which part of a graph its run time goes to: ONNX Runtime's profile, divided by what each node belongs to."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import onnx
import onnxruntime

from cronnx_onnxruntime.providers import CPU
from cronnx_server.graphs.image_model import NETWORK

Event: TypeAlias = Mapping[str, Any]
Feeds: TypeAlias = Mapping[str, Any]

RUN, NODE, SUFFIX = "model_run", "Node", "_kernel_time"
"""The names of ONNX Runtime's events: a run, the category of a node, and what follows a node's name."""


@dataclass(frozen=True)
class Shares:
    """The shares of a graph's parts in its run time; their sum is 1.

    Attributes:
        normalise: The nodes before the network.
        network: The network.
        head: The nodes after it.
    """

    normalise: float
    network: float
    head: float


@dataclass(frozen=True)
class OwnNodes:
    """The names of the nodes that this project puts around a network.

    Attributes:
        normalisation: Those before it.
        head: Those after it.
    """

    normalisation: Collection[str]
    head: Collection[str]


def own_nodes(model: Path) -> OwnNodes:
    """Read the nodes around the network from a model of `image_model`, whose nodes are in the order of its parts."""
    names = [node.name for node in onnx.load(model, load_external_data=False).graph.node]
    of_network = [index for index, name in enumerate(names) if name.startswith(NETWORK)]
    if not of_network:  # a graph of another origin is a network as a whole
        return OwnNodes((), ())
    return OwnNodes(frozenset(names[: of_network[0]]), frozenset(names[of_network[-1] + 1 :]))


def profile(
    model: Path, options: onnxruntime.SessionOptions, feeds: Sequence[Feeds], outputs: Sequence[str], *, folder: Path
) -> list[list[Event]]:
    """Run a model once for each of its inputs, after a run that warms it up.

    Args:
        model: The model's file.
        options: The session's options; they are changed.
        feeds: The inputs of each run.
        outputs: The outputs to compute.
        folder: Receives the profile, and loses it again.

    Returns:
        The nodes of each run but the first, in the order of execution.
    """
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    session = onnxruntime.InferenceSession(str(model), options, providers=[CPU])
    for each in (feeds[0], *feeds):
        session.run(outputs, dict(each))
    path = Path(session.end_profiling())
    events = json.loads(path.read_text())
    path.unlink()
    _, *runs = (event for event in events if event["name"] == RUN)
    nodes = [event for event in events if event.get("cat") == NODE and event["name"].endswith(SUFFIX)]
    return [[node for node in nodes if 0 <= node["ts"] - run["ts"] <= run["dur"]] for run in runs]


def shares(runs: Iterable[Iterable[Event]], own: OwnNodes) -> Shares:
    """Divide the time of a graph's runs between its parts.

    Args:
        runs: The nodes of each run, from `profile`.
        own: The nodes around the network.
    """
    times_us = dict.fromkeys(("normalise", "network", "head"), 0)
    for run in runs:
        nodes = list(_outermost(run))
        names = [node["name"].removesuffix(SUFFIX) for node in nodes]
        for part, node in zip(_parts(names, own), nodes, strict=True):
            times_us[part] += node["dur"]
    total_us = sum(times_us.values())
    return Shares(**{part: time_us / total_us for part, time_us in times_us.items()})


def _outermost(nodes: Iterable[Event]) -> Iterable[Event]:
    """Leave out the nodes of subgraphs, whose time is in the node that runs them."""
    ends_us = 0
    for node in sorted(nodes, key=lambda node: (node["ts"], -node["dur"])):
        if node["ts"] >= ends_us:
            ends_us = node["ts"] + node["dur"]
            yield node


def _parts(names: Sequence[str], own: OwnNodes) -> list[str]:
    """The part that each node of a run belongs to.

    ONNX Runtime fuses nodes and adds others, under names of its own. Such a node belongs to the network unless it comes
    after the network's last node.
    """
    of_network = [index for index, name in enumerate(names) if name.startswith(NETWORK)]
    last = of_network[-1] if of_network else len(names)

    def part(index: int, name: str) -> str:
        if name in own.normalisation:
            return "normalise"
        return "head" if name in own.head or index > last else "network"

    return [part(index, name) for index, name in enumerate(names)]
