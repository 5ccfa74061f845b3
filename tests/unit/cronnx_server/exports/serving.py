"""The whole flow of an export in this process: added, preprocessed, run, and read as the client reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from cronnx._answers import ImageTensors
from cronnx._tasks import PREDICT
from cronnx_preprocess import Images, Options, Preprocessor
from cronnx_server import repository
from cronnx_server.add_model.__main__ import _parser, options_of
from cronnx_server.add_model.addition import add
from cronnx_server.add_model.configs import ANSWER_NAMES, NETWORK_ONLY_OUTPUTS
from cronnx_server.add_model.placement import Repositories
from cronnx_server.add_model.preprocess_model import read_preprocess_model
from cronnx_server.graphs.image_model import read_spec
from cronnx_server.model_spec import ModelSpec

NAME = "mine"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model that was added to the repositories of a test.

    Attributes:
        spec: The specification that the built model carries.
        content: The built model.
        options: Its preprocessing.
        max_batch_size: The largest batch.
        facts: The table of facts: name, value, source.
        warnings: The warnings of the report.
        notes: The notes of the report.
    """

    spec: ModelSpec
    content: bytes
    options: Options
    max_batch_size: int
    facts: Sequence[dict[str, Any]]
    warnings: Sequence[str]
    notes: Sequence[str]

    def tensors(self, *pictures: bytes) -> dict[str, npt.NDArray[Any]]:
        """What the ensemble answers to a batch of pictures."""
        preprocessor = Preprocessor(self.options)
        try:
            (images,) = preprocessor.preprocess([np.array(pictures, dtype=object).reshape(-1, 1)])
        finally:
            preprocessor.close()
        if not isinstance(images, Images):
            raise images
        session = _session(self.content)
        given = {"pixels": images.pixels, "geometry": images.geometry}
        names = [output.name for output in session.get_outputs()]
        outputs = session.run(names, {tensor.name: given[tensor.name] for tensor in session.get_inputs()})
        return {
            ANSWER_NAMES.get(name, name): value
            for name, value in zip(names, outputs, strict=True)
            if name not in NETWORK_ONLY_OUTPUTS
        }

    def answers(self, *pictures: bytes) -> list[Any]:
        """The answers of the client's `predict` to a batch of pictures."""
        tensors, answer_format = self.tensors(*pictures), PREDICT.formats[self.spec.task.value]
        assert answer_format.misfit(tensors, batch=len(pictures)) is None
        return [
            answer_format.read(
                ImageTensors(
                    image=picture,
                    tensors={name: tensor[row] for name, tensor in tensors.items()},
                    served_by=str(tensors["served_by"][row, 0]),
                    model_name=NAME,
                )
            )
            for row, picture in enumerate(pictures)
        ]


def serve(source: Path, options: Sequence[str], folder: Path) -> Served:
    """Add what an exporter wrote, with options of `scripts/add_model`, to repositories in a folder.

    Raises:
        CommandError: It is refused.
    """
    repositories = Repositories(folder / "models", folder / "ensembles", folder / "staging")
    repositories.models.mkdir(parents=True)
    repositories.ensembles.mkdir()
    parsed = _parser().parse_args([str(source), "--name", NAME, *options])
    messages = list(add(options_of(parsed), url=None, repositories=repositories))
    network, ensemble = repositories.models / f"{NAME}_onnx", repositories.ensembles / NAME
    content = (network / "1" / "model.onnx").read_bytes()
    spec = read_spec(onnx.load_from_string(content))
    assert spec is not None
    preprocess, *_ = repository.steps(repository.read_config(ensemble))
    return Served(
        spec=spec,
        content=content,
        options=read_preprocess_model(repositories.models / preprocess).options,
        max_batch_size=repository.read_config(network).max_batch_size,
        facts=next(message.value for message in messages if message.kind == "facts"),
        warnings=[message.value for message in messages if message.kind == "warnings"],
        notes=[message.value for message in messages if message.kind == "notes"],
    )


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
