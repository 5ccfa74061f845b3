"""Checks that every model has a warm-up, with requests that it accepts.

Source: `GenerateWarmupData` in backend_model_instance.cc of triton-inference-server/core.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tritonclient.grpc.model_config_pb2 import DataType, ModelInput, ModelWarmup

from cronnx_server.doctor.findings import Finding, counted, error, warning
from cronnx_server.doctor.repositories import Model, Repositories, element_count, shape
from cronnx_server.model_config import ELEMENT_BYTES
from cronnx_server.repository import ROUTER


def check(repositories: Repositories) -> Iterator[Finding]:
    """Find models without a warm-up, and warm-ups that the model refuses."""
    for model in repositories.steps:
        if model.backend == ROUTER:
            yield from _too_early(model)
        elif not model.config.model_warmup:
            yield warning(
                model.config_path,
                "no model_warmup: the first requests take several times as long as later ones",
                "Add a warm-up of one request and one of a batch, as the other models have.",
            )
        for sample in model.config.model_warmup:
            yield from _size(model, sample)
            yield from _inputs(model, sample)


def _too_early(router: Model) -> Iterator[Finding]:
    if router.config.model_warmup:
        yield error(
            router.config_path,
            "a router's warm-up calls its arms; if they are not loaded yet, the router does not load",
            "Remove model_warmup; the arms have their own.",
        )


def _size(model: Model, sample: ModelWarmup) -> Iterator[Finding]:
    largest = max(1, model.config.max_batch_size)
    if not sample.batch_size:
        yield warning(
            model.config_path,
            f"warm-up '{sample.name}' has no batch_size: Triton skips it",
            "Write batch_size: 1.",
        )
    elif sample.batch_size > largest:
        yield error(
            model.config_path,
            f"warm-up '{sample.name}' has batch_size {sample.batch_size}, but the model takes at most {largest}",
            "Lower it to max_batch_size.",
        )


def _inputs(model: Model, sample: ModelWarmup) -> Iterator[Finding]:
    declared = {tensor.name: tensor for tensor in model.config.input}
    for name in sorted(name for name, tensor in declared.items() if not tensor.optional and name not in sample.inputs):
        yield error(model.config_path, f"warm-up '{sample.name}' has no input '{name}'", "Add it.")
    for name, given in sorted(sample.inputs.items()):
        if declared and name not in declared:
            yield error(
                model.config_path,
                f"warm-up '{sample.name}' has an input '{name}', but the model has {', '.join(declared)}",
                "Correct the key.",
            )
            continue
        if name in declared and not _fits(given, declared[name]):
            yield error(
                model.config_path,
                f"warm-up '{sample.name}' gives '{name}' as {shape(given)}, not {shape(declared[name])}",
                "Make the two the same; every dim of a warm-up needs a size.",
            )
        yield from _content(model, sample, name, given)


def _fits(given: ModelWarmup.Input, declared: ModelInput) -> bool:
    same_rank = len(given.dims) == len(declared.dims)
    return (
        given.data_type == declared.data_type
        and same_rank
        and all(a == b or (b == -1 and a >= 0) for a, b in zip(given.dims, declared.dims, strict=True))
    )


def _content(model: Model, sample: ModelWarmup, name: str, given: ModelWarmup.Input) -> Iterator[Finding]:
    strings, file = given.data_type == DataType.TYPE_STRING, given.input_data_file
    if strings and not file:
        yield error(
            model.config_path,
            f"warm-up '{sample.name}' sends empty strings as '{name}'; a model that refuses them does not load",
            "Use input_data_file: a file in warmup/ with each string after its length in four little-endian bytes.",
        )
    if not file:
        return
    path, content = model.folder / "warmup" / file, model.warm_up_files.get(file)
    if content is None:
        yield error(path, f"the file is missing; model_warmup reads '{name}' from it", "Add the file.")
    elif problem := _content_problem(content, given):
        yield error(path, problem, f"Write the file as model_warmup declares '{name}'.")


def _content_problem(content: bytes, given: ModelWarmup.Input) -> str | None:
    count = element_count(given.dims)
    if given.data_type != DataType.TYPE_STRING:
        expected = count * ELEMENT_BYTES.get(DataType.Name(given.data_type), 0)
        return f"expected {expected} bytes, got {len(content)}" if len(content) < expected else None
    found = _count_strings(content)
    if found == count:
        return None
    got = "bytes of another form" if found is None else str(found)
    return f"expected {counted(count, 'string')}, each after its length, got {got}"


def _count_strings(content: bytes) -> int | None:
    """The number of strings, each after its length in four little-endian bytes; None if the lengths do not fit."""
    count, position = 0, 0
    while position < len(content):
        if position + 4 > len(content):
            return None
        (length,) = struct.unpack_from("<I", content, position)
        position, count = position + 4 + length, count + 1
    return count if position == len(content) else None
