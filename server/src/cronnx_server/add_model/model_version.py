"""Write a user's model as a version: a new model or a next version, with a typed answer or as an unchanged graph."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from onnx import TensorProto

from cronnx_onnxruntime.autocomplete import completions
from cronnx_onnxruntime.signature import Signature
from cronnx_server import repository
from cronnx_server.add_model import configs
from cronnx_server.add_model.existing_model import ExistingModel
from cronnx_server.add_model.int8 import Int8Model, int8_model
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import Placement, Repositories
from cronnx_server.add_model.preprocess_model import PreprocessModel, preprocess_model
from cronnx_server.add_model.proof import Proof, prove, prove_it_runs
from cronnx_server.add_model.served_model import ServedModel
from cronnx_server.build_models import gpu_file
from cronnx_server.build_models.catalogue import GPU_FILE
from cronnx_server.errors import BuildError, ModelFileError, RepositoryError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.graph_facts import Graph
from cronnx_server.exports.source import Source
from cronnx_server.graphs.trial import session
from cronnx_server.model_spec import ModelSpec, Recipe, Task

INHERITED = ("labels", "first_class", "keypoint_shape")
LIMITS = ("confidence", "iou", "max_detections")
DETECTION_TASKS = (Task.DETECTION, Task.POSE, Task.ORIENTED_BOXES, Task.INSTANCE_SEGMENTATION)
VALUES = ("channel_order", "scale", "mean", "std")


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model, proven and written to a placement.

    Attributes:
        model_name: The model that a server loads.
        version: The number of the version.
        ensemble: The ensemble that clients call; empty for an unchanged graph.
        proof: Its answer to a photograph; None for an unchanged graph.
        int8: How INT8 changed its answers; None if it was not quantised.
    """

    model_name: str
    version: int
    ensemble: str = ""
    proof: Proof | None = None
    int8: Int8Model | None = None

    @property
    def is_live(self) -> bool:
        """Whether clients of the ensemble get this version; a next version has to be promoted."""
        return self.model_name == self.ensemble


def new_model(served: ServedModel, options: Options, repositories: Repositories, placed: Placement) -> ModelVersion:
    """Write a new model, its ensemble, and the `preprocess` model of its recipe unless there is one.

    Raises:
        ModelFileError: The model cannot be served.
        RepositoryError: The `preprocess` model takes smaller batches than asked for.
    """
    max_batch_size = options.batch_size if served.network.batchable else 1
    content, int8, for_gpus = _content(served, options, version=1)
    signature = Signature.of(session(content))
    geometry = any(tensor.name == "geometry" for tensor in signature.inputs)
    preprocess = preprocess_model(
        served.spec.recipe, geometry=geometry, repository_folder=repositories.models, placed=placed
    )
    _check_batch_size(max_batch_size, preprocess)
    config = configs.network_config(
        signature, served.spec, max_batch_size=max_batch_size, max_queue_delay_ms=options.max_queue_delay_ms
    )
    name = f"{options.name}_onnx"
    warm_up = {f"warmup/{configs.GEOMETRY_FILE}": _warm_up_geometry(served.spec.recipe)} if geometry else {}
    profiles = configs.profiles(config, served.spec.task)
    placed.write(
        repositories.models / name,
        {
            "config.pbtxt": config.encode(),
            **{path: profile.encode() for path, profile in profiles.items()},
            **warm_up,
            "1/.gitkeep": b"",
            "1/model.onnx": content,
            **{f"1/{name}": file for name, file in for_gpus.items()},
        },
    )
    ensemble = configs.ensemble_config(
        options.name,
        task=served.spec.task,
        preprocess=preprocess.name,
        network=repository.as_json(repository.parse_config(config, name)),
        max_batch_size=max_batch_size,
    )
    placed.write(repositories.ensembles / options.name, {"config.pbtxt": ensemble.encode(), "1/.gitkeep": b""})
    proof = prove(content, served)
    return ModelVersion(options.name, version=1, proof=proof, ensemble=options.name, int8=int8)


def next_model(served: ServedModel, options: Options, existing: ExistingModel, placed: Placement) -> ModelVersion:
    """Write the next version of a model.

    Raises:
        ModelFileError: The file cannot be a version of this model.
        RepositoryError: The ensemble or its `preprocess` model cannot be read.
    """
    _check_same_answer(served.spec, existing.spec(), options.name)
    version = existing.next_version
    content, int8, for_gpus = _content(served, options, version=version)
    existing.check(Signature.of(session(content)))
    if existing.config["max_batch_size"] > 1 and not served.network.batchable:
        raise ModelFileError(
            f"expected a graph that takes batches like the versions of {options.name}, got one that takes one image "
            f"({served.network.reason}); choose another --name"
        )
    proof = prove(content, served)
    placed.write(existing.folder / str(version), {"model.onnx": content, **for_gpus})
    for path in existing.gpu_profiles if for_gpus else ():
        placed.replace(path, configs.serve_on_gpus(path.read_text(), version).encode())
    return ModelVersion(existing.folder.name, version=version, proof=proof, ensemble=options.name, int8=int8)


def _content(
    served: ServedModel, options: Options, *, version: int
) -> tuple[bytes, Int8Model | None, dict[str, bytes]]:
    """The model file, what INT8 changed if that is wanted, and the file for GPUs if that is wanted, by its name."""
    content = served.content(name=options.name, version=version)
    if options.quantise is None:
        return content, None, {GPU_FILE: _in_fp16(content)} if options.gpu else {}
    quantised = partial(int8_model, content, task=served.spec.task, folder=options.quantise, force=options.force)
    int8 = quantised()
    for_gpus = {GPU_FILE: gpu_file.named(quantised(symmetric=True).content, "int8")} if options.gpu else {}
    return int8.content, int8, for_gpus


def _in_fp16(content: bytes) -> bytes:
    try:
        converted = gpu_file.fp16(content)
        gpu_file.check(content, converted)
    except BuildError as error:
        raise ModelFileError(f"the file for GPUs cannot be made: {error}; omit --gpu") from error
    return converted


def inherit_limits(facts: Facts, earlier: ModelSpec, *, name: str) -> None:
    """Add which detections an earlier version answers, before the file does: that is a choice of who serves it."""
    if earlier.task in DETECTION_TASKS:
        for field_name in LIMITS:
            facts.add(field_name, getattr(earlier, field_name), f"version 1 of {name}")


def inherit(facts: Facts, earlier: ModelSpec, source: Source, *, name: str) -> None:
    """Add what an earlier version says, where neither the user nor the file does."""
    where = f"version 1 of {name}"
    recipe = earlier.recipe
    facts.add("task", earlier.task.value, where)
    facts.add("size", (recipe.height, recipe.width), where)
    for field in fields(recipe):
        if field.name not in ("height", "width"):
            facts.add(field.name, getattr(recipe, field.name), where)
    for field_name in INHERITED:
        facts.add(field_name, getattr(earlier, field_name) or None, where)
    if not _says_its_values(source):
        for field_name in VALUES:
            facts.add(field_name, getattr(earlier.input, field_name), where)


def other_labels(served: ServedModel, earlier: ModelSpec) -> tuple[str, ...]:
    """A warning if the file names the classes differently from an earlier version, and the user does not say so."""
    facts = {fact.name: fact for fact in served.inspection.facts}
    pairs = enumerate(zip(earlier.labels, served.spec.labels, strict=False))
    differing = [(class_id, old, new) for class_id, (old, new) in pairs if old != new]
    if not differing or facts["labels"].source.startswith("--labels"):
        return ()
    class_id, old, new = differing[0]
    return (
        f"The labels differ from those of version 1: class {class_id} is '{new}' ({facts['labels'].source}), not "
        f"'{old}'. Callers that use class_id get other classes; pass --labels to choose the labels.",
    )


def _says_its_values(source: Source) -> bool:
    """Whether the graph takes bytes, or normalises its image itself."""
    graph = Graph(source.model)
    image = graph.image()
    return image.element_type == TensorProto.UINT8 or graph.scaling(image.name) is not None


def new_raw_model(source: Source, options: Options, repositories: Repositories, placed: Placement) -> ModelVersion:
    """Write a new model whose configuration is the signature of its graph.

    Raises:
        ModelFileError: The graph cannot be served like this.
    """
    content, signature = _raw(source)
    if options.max_batch_size and not signature.batchable:
        raise ModelFileError(
            f"expected a variable first dimension of every input and output for --max-batch-size "
            f"{options.max_batch_size}, got a fixed one in {source.name}; omit --max-batch-size"
        )
    wanted = {"max_batch_size": options.batch_size if signature.batchable else 0, "input": [], "output": []}
    config = configs.onnx_config(
        {**wanted, **completions(wanted, signature)}, max_queue_delay_ms=options.max_queue_delay_ms
    )
    folder = repositories.models / f"{options.name}_onnx"
    placed.write(folder, {"config.pbtxt": config.encode(), "1/.gitkeep": b"", "1/model.onnx": content})
    return ModelVersion(folder.name, version=1)


def next_raw_model(source: Source, existing: ExistingModel, placed: Placement) -> ModelVersion:
    """Write the next version of a model that serves unchanged graphs.

    Raises:
        ModelFileError: The graph cannot be a version of this model.
    """
    content, signature = _raw(source)
    existing.check(signature)
    version = existing.next_version
    placed.write(existing.folder / str(version), {"model.onnx": content})
    return ModelVersion(existing.folder.name, version=version)


def _raw(source: Source) -> tuple[bytes, Signature]:
    content = source.model.SerializeToString()
    signature = Signature.of(session(content))
    prove_it_runs(content, signature, source.name)
    return content, signature


def _check_same_answer(spec: ModelSpec, earlier: ModelSpec, name: str) -> None:
    """Refuse a version whose ensemble would have to be another one."""
    for what, got, expected in (
        ("task", spec.task.value, earlier.task.value),
        ("number of classes", len(spec.labels), len(earlier.labels)),
        ("preprocessing", _described(spec.recipe), _described(earlier.recipe)),
    ):
        if got != expected:
            raise ModelFileError(
                f"expected the {what} of the versions of {name}, {expected}, got {got}; choose another --name"
            )


def _described(recipe: Recipe) -> str:
    default = Recipe(height=recipe.height, width=recipe.width)
    changed = (field.name for field in fields(recipe) if getattr(recipe, field.name) != getattr(default, field.name))
    parts = [f"{name} {getattr(recipe, name)}" for name in changed]
    return f"{recipe.width or 'any'} x {recipe.height or 'any'}, {', '.join(parts) or recipe.resize}"


def _check_batch_size(max_batch_size: int, preprocess: PreprocessModel) -> None:
    if max_batch_size > preprocess.max_batch_size:
        raise RepositoryError(
            f"expected --max-batch-size up to {preprocess.max_batch_size}, the limit of {preprocess.name}, "
            f"got {max_batch_size}"
        )


def _warm_up_geometry(recipe: Recipe) -> bytes:
    height, width = configs.warm_up_size(recipe)
    return np.array([width, height, 1, 1, 0, 0], np.float32).tobytes()
