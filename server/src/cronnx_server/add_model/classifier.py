"""Somebody's classifier with normalisation before it and the classification head behind it."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from cronnx_server.add_model.classifier_signature import ClassifierSignature
from cronnx_server.add_model.graph_file import GraphFile
from cronnx_server.add_model.network import Network
from cronnx_server.build_models import classification
from cronnx_server.errors import SetupError


@dataclass(frozen=True)
class Wrapping:
    """What is put around a network.

    Attributes:
        mean: per channel, of pixels scaled to [0, 1].
        std: per channel, likewise.
        labels: one a class.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: list[str]


@dataclass(frozen=True)
class Classifier:
    """A graph, how it takes pictures, the network it becomes, and what is put around that."""

    graph: GraphFile
    signature: ClassifierSignature
    network: Network
    wrapping: Wrapping

    def content(self, *, name: str, version: int) -> bytes:
        """The file of the whole classifier.

        Raises:
            SetupError: the graph has what cannot be merged.
        """
        try:
            model = classification.classifier(
                self.network.model,
                size=self.signature.size,
                mean=self.wrapping.mean,
                std=self.wrapping.std,
                labels=self.wrapping.labels,
                served_by=f"{name}/{version}@{self.graph.sha256[:8]}",
            )
            onnx.checker.check_model(model)
        except (onnx.checker.ValidationError, ValueError) as error:
            raise SetupError(f"{self.graph.path.name} cannot be wrapped: {' '.join(str(error).split())}") from error
        return model.SerializeToString()
