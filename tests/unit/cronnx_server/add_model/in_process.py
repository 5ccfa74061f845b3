"""Ask a model that is made of a user's file, without a server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from cronnx._answers import ImageTensors
from cronnx._tasks import PREDICT, Answer
from cronnx_preprocess import Images, Options, Preprocessor
from cronnx_server import repository
from cronnx_server.add_model import configs
from cronnx_server.model_spec import ModelSpec, Recipe


def preprocessed(recipe: Recipe, photograph: bytes) -> Images:
    """The pixels [1, height, width, 3] and the geometry [1, 6] of a photograph."""
    config = repository.parse_config(configs.preprocess_config(recipe, geometry=True), "preprocess")
    preprocessor = Preprocessor(Options.from_model_config(repository.as_json(config)))
    (images,) = preprocessor.preprocess([np.array([[photograph]], dtype=object)])
    preprocessor.close()
    assert isinstance(images, Images), images
    return images


def outputs(content: bytes, images: Images, *, times: int = 1) -> dict[str, npt.NDArray[np.generic]]:
    """What a model answers to one image, or to a batch of the same image, under the ensemble's names."""
    session = onnxruntime.InferenceSession(content)
    inputs = {name: np.repeat(tensor, times, axis=0) for name, tensor in images._asdict().items()}
    taken = {tensor.name: inputs[tensor.name] for tensor in session.get_inputs()}
    names = [tensor.name for tensor in session.get_outputs()]
    answered = zip(names, session.run(names, taken), strict=True)
    return {configs.ANSWER_NAMES.get(name, name): tensor for name, tensor in answered}


def answer(content: bytes, spec: ModelSpec, photograph: Path) -> Answer:
    """What the client makes of a model's answer to a photograph."""
    image = photograph.read_bytes()
    answered = outputs(content, preprocessed(spec.recipe, image))
    wanted = PREDICT.formats[spec.task.value]
    tensors = {output.name: answered[output.name] for output in wanted.outputs}
    assert wanted.misfit(tensors, batch=1) is None
    (served_by,) = answered["served_by"][0]
    return wanted.read(ImageTensors(image, {name: each[0] for name, each in tensors.items()}, served_by, "mine"))
