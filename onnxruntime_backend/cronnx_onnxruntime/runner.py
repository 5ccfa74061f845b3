"""Loads a model and answers requests, without knowledge of the server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import onnxruntime

from cronnx_onnxruntime import batches, datatypes, strings
from cronnx_onnxruntime.batches import Array
from cronnx_onnxruntime.errors import ConfigError, InferenceError, in_one_line
from cronnx_onnxruntime.providers import CPU, Providers, providers
from cronnx_onnxruntime.ragged import Shape, ragged
from cronnx_onnxruntime.settings import Settings, settings
from cronnx_onnxruntime.shares import shares
from cronnx_onnxruntime.signature import Config, Signature, model_dims

DEFAULT_MODEL_FILENAME = "model.onnx"

Answer = dict[str, Array] | InferenceError


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        inputs: The inputs by name, [batch, …] if the model batches.
        wanted: The names of the outputs to return.
    """

    inputs: Mapping[str, Array]
    wanted: Collection[str]


def model_path(version_folder: Path, config: Config) -> Path:
    """The file of a version: `model.onnx` or the name in the configuration; if that is a folder, `model.onnx` in it.

    Raises:
        ConfigError: The file does not exist.
    """
    path = version_folder / (config.get("default_model_filename") or DEFAULT_MODEL_FILENAME)
    if path.is_dir():
        path /= DEFAULT_MODEL_FILENAME
    if not path.exists():
        raise ConfigError(f"expected the file {path.name} in version {version_folder.name}, got none")
    return path


def signature(path: Path, config: Config) -> Signature:
    """Read the inputs and outputs of the graph in `path`.

    The session has the options of the configuration, because ONNX Runtime refuses some graphs without optimisation.

    Raises:
        ConfigError: The configuration is not supported, the file is not a model, or Triton does not support a tensor.
    """
    return Signature.of(_session(path, settings(config), Providers({CPU: {}})))


class Runner:
    """One instance of a model.

    Attributes:
        warning: How the instance differs from its configuration; None if it does not.
    """

    def __init__(self, path: Path, config: Config, *, kind: str, device_id: int) -> None:
        """Load `path` as `config` says.

        Args:
            path: The model's file.
            config: The complete model configuration.
            kind: The instance's kind, `CPU` or `GPU`.
            device_id: The GPU's number.

        Raises:
            ConfigError: The configuration is not supported or does not fit the graph, or the file is not a model.
        """
        chosen = providers(config, kind=kind, device_id=device_id, available=onnxruntime.get_available_providers())
        requested = settings(config).with_thread_count()
        self._threads = requested.intra_op_thread_count
        self._session = _session(path, requested, chosen)
        self._signature = Signature.of(self._session)
        self._signature.check(config)
        self._run_options = requested.run_options()
        self._batching = config["max_batch_size"] > 0
        self._ragged = ragged(config)
        self._output_dims = {entry["name"]: model_dims(entry) for entry in config["output"]}
        self._strings = {each.name for each in self._signature.inputs if each.data_type == datatypes.STRING}
        self._scalars = {each.name for each in self._signature.inputs if not each.shape}
        # With a dynamic batcher the rows of a request may meet any others, so that they have to be independent.
        is_dynamic = self._batching and "dynamic_batching" in config
        self._cuts_batches = is_dynamic and list(chosen.options) == [CPU] and not self._ragged
        self._pool = ThreadPoolExecutor(self._threads, "share of a batch")
        # Parallel runs take a tenth longer in a session whose thread pool they have to share.
        is_parallel = self._cuts_batches and self._threads > 1
        one_thread = replace(requested, intra_op_thread_count=1)
        self._parallel_session = _session(path, one_thread, chosen) if is_parallel else self._session
        self.warning = chosen.warning or _lost_provider(chosen, self._session.get_providers())

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request, in order, with every output that one of them wants, by name, or with its error.

        A model that batches runs them as one batch. On a CPU, unless it is ragged, it cuts the batch into runs, one on
        each core: a network scales better over images than over the parts of its operators, and a run of few images
        needs little memory. A model that does not batch runs each request alone.
        """
        prepared = [self._prepared(request) for request in requests]
        sound = [inputs for inputs in prepared if not isinstance(inputs, InferenceError)]
        wanted = sorted({name for request in requests for name in request.wanted})
        run = self._run_cut if self._cuts_batches else self._run_whole
        answers = iter(run(sound, wanted))
        return [inputs if isinstance(inputs, InferenceError) else next(answers) for inputs in prepared]

    def _prepared(self, request: Request) -> dict[str, Array] | InferenceError:
        inputs = dict(request.inputs)
        try:
            for name in self._strings & inputs.keys():
                inputs[name] = strings.decoded(inputs[name], tensor=name)
        except InferenceError as error:
            return error
        for name in self._scalars & inputs.keys():
            inputs[name] = inputs[name].reshape(())
        return inputs

    def _run_whole(self, sound: Sequence[dict[str, Array]], wanted: Sequence[str]) -> list[Answer]:
        groups = [sound] if self._batching else [[inputs] for inputs in sound]
        return [answer for group in groups if group for answer in self._run(self._session, group, wanted)]

    def _run_cut(self, sound: Sequence[dict[str, Array]], wanted: Sequence[str]) -> list[Answer]:
        runs = shares(_rows(sound), self._threads)
        if len(runs) == 1:  # saves the way to another thread and back
            return self._run(self._session, sound, wanted)
        groups = [[_part(sound[index], rows) for index, rows in run] for run in runs]
        answered = self._pool.map(lambda group: self._run(self._parallel_session, group, wanted), groups)
        parts: list[list[Answer]] = [[] for _ in sound]
        for run, answers in zip(runs, answered, strict=True):
            for (index, _), answer in zip(run, answers, strict=True):
                parts[index].append(answer)
        return list(map(_joined, parts))

    def _run(
        self, session: onnxruntime.InferenceSession, group: Sequence[dict[str, Array]], wanted: Sequence[str]
    ) -> list[Answer]:
        try:
            return self._divided(self._outputs(session, group, wanted), group)
        except InferenceError as error:
            return [error] * len(group)

    def _outputs(
        self, session: onnxruntime.InferenceSession, group: Sequence[dict[str, Array]], wanted: Sequence[str]
    ) -> dict[str, Array]:
        try:
            feeds = self._feeds(group)
            results = session.run(wanted, feeds, self._run_options)
        except Exception as error:  # ONNX Runtime's errors share no base, and a batch must not end the stub
            raise InferenceError(f"ONNX Runtime: {in_one_line(error)}", caller_at_fault=False) from error
        return {
            name: result if result.ndim else result.reshape(self._output_dims[name])
            for name, result in zip(wanted, results, strict=True)
        }

    def _feeds(self, group: Sequence[dict[str, Array]]) -> dict[str, Array]:
        feeds = {}
        for name in group[0]:
            arrays = [inputs[name] for inputs in group]
            flat = name in self._ragged.inputs
            feeds[name] = batches.concatenate([array.reshape(-1) for array in arrays] if flat else arrays)
        for each in self._ragged.batch_inputs:
            feeds[each.name] = each.array(_shapes(group, each.source))
        return feeds

    def _divided(self, outputs: dict[str, Array], group: Sequence[dict[str, Array]]) -> list[Answer]:
        """Cut the outputs of a group into the answer to each request."""
        cut = self._ragged.batch_outputs
        by_row = {name: array for name, array in outputs.items() if name not in cut}
        answers = [by_row]
        if self._batching:
            answers = list(batches.split(by_row, _rows(group)))
        for name in outputs.keys() & cut.keys():
            pieces = cut[name].pieces(outputs[name], _shapes(group, cut[name].source))
            for answer, piece in zip(answers, pieces, strict=True):
                answer[name] = piece
        return list(answers)


def _part(inputs: dict[str, Array], rows: slice) -> dict[str, Array]:
    return {name: array[rows] for name, array in inputs.items()}


def _joined(parts: Sequence[Answer]) -> Answer:
    """The answer to a request from those to its parts."""
    if len(parts) == 1:
        return parts[0]
    outputs: list[dict[str, Array]] = []
    for part in parts:
        if isinstance(part, InferenceError):
            return part
        outputs.append(part)
    return {name: batches.concatenate([each[name] for each in outputs]) for name in outputs[0]}


def _rows(group: Sequence[dict[str, Array]]) -> list[int]:
    return [len(next(iter(inputs.values()))) for inputs in group]


def _shapes(group: Sequence[dict[str, Array]], name: str) -> list[Shape]:
    return [inputs[name].shape for inputs in group]


def _session(path: Path, requested: Settings, chosen: Providers) -> onnxruntime.InferenceSession:
    options = requested.session_options()
    try:
        return onnxruntime.InferenceSession(
            str(path),
            options,
            providers=[(name, dict(each)) for name, each in chosen.options.items()],
            enable_fallback=False,  # a refused option must fail the load, not lead to a session on the CPU
        )
    except Exception as error:  # ONNX Runtime's errors share no base
        raise ConfigError(f"ONNX Runtime cannot load {path.name}: {in_one_line(error, folder=path.parent)}") from error


def _lost_provider(chosen: Providers, used: Sequence[str]) -> str | None:
    """The warning if ONNX Runtime left out a provider because it could not load its libraries."""
    lost = [name for name in chosen.options if name not in used]
    return f"{', '.join(lost)} could not be started: {' and '.join(used)} is used" if lost else None
