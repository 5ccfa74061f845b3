"""The work of an ensemble without a server: its preprocessing on one thread and its graph, timed in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

import numpy as np
import onnxruntime

from cronnx_lab.bench import graph_profile
from cronnx_lab.bench.breakdown import Alone
from cronnx_lab.bench.graph_profile import Feeds
from cronnx_onnxruntime.providers import CPU
from cronnx_onnxruntime.runner import model_path
from cronnx_onnxruntime.settings import settings
from cronnx_preprocess import Options, Preprocessor
from cronnx_preprocess.decoding import decode
from cronnx_preprocess.rendering import read_picture
from cronnx_server import repository
from cronnx_server.errors import RepositoryError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

BACKENDS = ["preprocess", "onnxruntime"]

Result = TypeVar("Result")


class WorkAlone:
    """The two steps of an ensemble, with the options that they are served with.

    Attributes:
        steps: The names of the models: the preprocessing and the network.
    """

    def __init__(self, ensemble: str, *, folder: Path) -> None:
        """Load the graph.

        Args:
            ensemble: The name of an ensemble of this project.
            folder: Receives the profiles of ONNX Runtime.

        Raises:
            RepositoryError: It is no ensemble of a preprocessing and a network.
        """
        config = repository.read_config(ENSEMBLES / ensemble)
        self.steps = repository.steps(config)
        models = [repository.read_config(MODEL_REPOSITORY / name) for name in self.steps]
        if [model.backend for model in models] != BACKENDS:
            got = ", ".join(f"{model.name} ({model.backend})" for model in models) or "no steps"
            raise RepositoryError(f"expected steps of the backends {' and '.join(BACKENDS)} in {ensemble}, got {got}")
        preprocess, network = map(repository.as_json, models)
        self._options = Options.from_model_config(preprocess)
        self._preprocessor = Preprocessor(replace(self._options, threads=1))
        *_, step = config.ensemble_scheduling.step
        self._model = model_path(_version_folder(step.model_name, step.model_version), network)
        self._outputs, self._folder = list(step.output_map), folder
        self._settings = settings(network).with_thread_count()
        self._session = onnxruntime.InferenceSession(
            str(self._model), self._settings.session_options(), providers=[CPU]
        )
        self._inputs = {tensor.name for tensor in self._session.get_inputs()}
        self._own_nodes = graph_profile.own_nodes(self._model)

    def close(self) -> None:
        """End the threads."""
        self._preprocessor.close()

    def measure(self, images: Sequence[bytes], *, seconds: float) -> Alone:
        """Time the work on each of these image files, again and again for `seconds`, once at least.

        Raises:
            InvalidImageError: A file is not an acceptable image.
        """
        decode_s: list[float] = []
        preprocess_s: list[float] = []
        run_s: list[float] = []
        feeds = [self._preprocess(image) for image in images]
        self._run(feeds[0])
        ends = time.monotonic() + seconds
        while not run_s or time.monotonic() < ends:
            for image in images:
                decode_s.append(_timed(self._decode, image)[0])
                elapsed_s, inputs = _timed(self._preprocess, image)
                preprocess_s.append(elapsed_s)
                run_s.append(_timed(self._run, inputs)[0])
        runs = graph_profile.profile(
            self._model, self._settings.session_options(), feeds, self._outputs, folder=self._folder
        )
        shares = graph_profile.shares(runs, self._own_nodes)
        return Alone(fmean(decode_s), fmean(preprocess_s), fmean(run_s), shares)

    def _decode(self, image: bytes) -> None:
        picture = read_picture(image, self._options)
        decode(picture.header, scale=picture.scale)

    def _preprocess(self, image: bytes) -> Feeds:
        (answer,) = self._preprocessor.preprocess([np.array([[image]], dtype=object)])
        if isinstance(answer, Exception):
            raise answer
        return {name: tensor for name, tensor in answer._asdict().items() if name in self._inputs}

    def _run(self, inputs: Feeds) -> None:
        self._session.run(self._outputs, dict(inputs))


def _version_folder(network: str, version: int) -> Path:
    """The folder of a version of a network; of its newest one for -1."""
    folder = MODEL_REPOSITORY / network
    built = [int(path.parent.name) for path in folder.glob("*/*") if repository.is_version(path.parent.name)]
    return folder / str(version if version > 0 else max(built, default=1))


def _timed(work: Callable[[Any], Result], argument: object) -> tuple[float, Result]:
    started = time.perf_counter()
    result = work(argument)
    return time.perf_counter() - started, result
