"""A model that is there already: what its next version has to agree with, and what it takes over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.json_format import MessageToDict
from onnx import numpy_helper

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.signature import Config, Signature
from cronnx_server import repository
from cronnx_server.add_model.classifier import Wrapping
from cronnx_server.add_model.options import Options
from cronnx_server.build_models.catalogue import catalogue
from cronnx_server.errors import SetupError


@dataclass(frozen=True)
class ExistingClassifier:
    """A version that is there: the size of its pictures, and what is around its network."""

    size: int
    wrapping: Wrapping


@dataclass(frozen=True)
class Existing:
    """The folder of a model of the onnxruntime backend."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether it is."""
        return (self.folder / "config.pbtxt").exists()

    @property
    def next_version(self) -> int:
        """The first number after those that are there or in the catalogue."""
        model = catalogue().get(self.folder.name.removesuffix("_onnx"))
        to_build: list[int] = [*model.versions] if model else []
        there = [int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()]
        return 1 + max([0, *there, *to_build])

    @cached_property
    def config(self) -> Config:
        """Its configuration as Triton gives it to a backend."""
        config: dict[str, object] = MessageToDict(
            repository.read_config(self.folder),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        return config

    def check(self, signature: Signature) -> None:
        """Raise SetupError unless a graph's inputs and outputs are those of the configuration."""
        try:
            signature.check(self.config)
        except ConfigError as error:
            raise SetupError(f"it cannot be a version of {self.folder.name}: {error}") from error

    def check_batching(self, options: Options) -> None:
        """Raise SetupError if options ask for what the configuration says."""
        if options.max_batch_size is not None or options.max_queue_delay_ms is not None:
            raise SetupError(
                f"{self.folder.name} is there already: its config.pbtxt has the batch size and the queue delay of all "
                "of its versions; leave --max-batch-size and --max-queue-delay-ms out"
            )

    def classifier(self) -> ExistingClassifier:
        """Its oldest version.

        Raises:
            SetupError: it has no file, or somebody else's graph.
        """
        files = sorted(self.folder.glob("*/model.onnx"), key=lambda path: int(path.parent.name))
        if not files:
            raise SetupError(f"{self.folder.name} has no version to go by yet: scripts/build_models makes the first")
        graph = onnx.load(files[0]).graph
        constants = {tensor.name: tensor for tensor in graph.initializer if tensor.name in ("mean", "scale")}
        labels = next((node for node in graph.node if node.name == "class_id_to_label"), None)
        if len(constants) < 2 or labels is None:
            raise SetupError(f"{self.folder.name} serves graphs as they are: say --raw for another version of it")
        mean, scale = (numpy_helper.to_array(constants[name]).astype(np.float64).ravel() for name in ("mean", "scale"))
        (names,) = (attribute.strings for attribute in labels.attribute if attribute.name == "values_strings")
        return ExistingClassifier(
            size=graph.input[0].type.tensor_type.shape.dim[1].dim_value,
            wrapping=Wrapping(
                mean=tuple((mean / 255).tolist()),
                std=tuple((1 / (255 * scale)).tolist()),
                labels=[name.decode() for name in names],
            ),
        )
