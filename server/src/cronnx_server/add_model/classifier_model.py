"""A classifier's file to a model that takes photographs: a new one, or the next version of one that is there."""

from __future__ import annotations

from pathlib import Path

from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from cronnx_onnxruntime.signature import Signature
from cronnx_server import repository
from cronnx_server.add_model import configs, proof
from cronnx_server.add_model.addition import Addition
from cronnx_server.add_model.classifier import Classifier, Wrapping
from cronnx_server.add_model.classifier_signature import classifier_signature
from cronnx_server.add_model.existing import Existing
from cronnx_server.add_model.graph_file import GraphFile, session
from cronnx_server.add_model.labels import labels
from cronnx_server.add_model.network import network
from cronnx_server.add_model.options import IMAGENET_MEAN, IMAGENET_STD, Options
from cronnx_server.add_model.placement import Placement, Repositories
from cronnx_server.build_models.classification import TOP_K
from cronnx_server.errors import SetupError
from cronnx_server.paths import MODEL_REPOSITORY

WARM_UP = MODEL_REPOSITORY / "preprocess_224" / "warmup"


def new(graph: GraphFile, options: Options, repositories: Repositories, placed: Placement) -> Addition:
    """Write a new classifier, its ensemble, and its `preprocess_<size>` where there is none.

    Raises:
        SetupError: `graph` cannot be served as a classifier.
    """
    signature = classifier_signature(graph.signature, size=options.size)
    found = network(graph.model, signature)
    wrapping = Wrapping(
        mean=options.mean or IMAGENET_MEAN,
        std=options.std or IMAGENET_STD,
        labels=labels(options.labels, classes=found.classes),
    )
    classifier = Classifier(graph, signature, found, wrapping)
    content = classifier.content(name=options.name, version=1)
    preprocess = _preprocess(signature.size, options, repositories, placed)
    _write_models(classifier, content, options, repositories, placed)
    proven = proof.check_classifier(content, classifier, repository=preprocess.parent)
    return Addition(options.name, version=1, proof=proven, ensemble=options.name)


def next_version(graph: GraphFile, options: Options, existing: Existing, placed: Placement) -> Addition:
    """Write the next version of a classifier that is there; what is not said of it is as in its oldest version.

    Raises:
        SetupError: `graph` cannot be a version of it.
    """
    before, version = existing.classifier(), existing.next_version
    if options.size not in (None, before.size):
        raise SetupError(f"--size is {options.size}, and {existing.folder.name} takes pictures of {before.size}")
    signature = classifier_signature(graph.signature, size=before.size)
    found = network(graph.model, signature)
    classifier = Classifier(graph, signature, found, _wrapping_like(before.wrapping, options, classes=found.classes))
    content = classifier.content(name=options.name, version=version)
    existing.check(Signature.of(session(content)))
    proven = proof.check_classifier(content, classifier, repository=existing.folder.parent)
    placed.write(existing.folder / str(version), {"model.onnx": content})
    return Addition(existing.folder.name, version=version, proof=proven, ensemble=options.name)


def _wrapping_like(before: Wrapping, options: Options, *, classes: int) -> Wrapping:
    if classes != len(before.labels):
        raise SetupError(f"it has {classes} classes, the versions of {options.name} have {len(before.labels)}")
    given = options.labels is not None
    return Wrapping(
        mean=options.mean or before.mean,
        std=options.std or before.std,
        labels=labels(options.labels, classes=classes) if given else before.labels,
    )


def _write_models(
    classifier: Classifier, content: bytes, options: Options, repositories: Repositories, placed: Placement
) -> None:
    size, top_k = classifier.signature.size, min(TOP_K, classifier.network.classes)
    config = configs.classifier_config(
        Signature.of(session(content)),
        size=size,
        max_batch_size=options.batch_size,
        max_queue_delay_ms=options.max_queue_delay_ms,
    )
    ensemble = configs.ensemble_config(options.name, size=size, top_k=top_k, max_batch_size=options.batch_size)
    placed.write(
        repositories.models / f"{options.name}_onnx",
        {
            "config.pbtxt": config.encode(),
            **{path: profile.encode() for path, profile in configs.profiles(config).items()},
            "1/.gitkeep": b"",
            "1/model.onnx": content,
        },
    )
    placed.write(repositories.ensembles / options.name, {"config.pbtxt": ensemble.encode(), "1/.gitkeep": b""})


def _preprocess(size: int, options: Options, repositories: Repositories, placed: Placement) -> Path:
    """The folder of `preprocess_<size>`, written aside where there is none."""
    folder = repositories.models / f"preprocess_{size}"
    if not folder.exists():
        files = {f"warmup/{path.name}": path.read_bytes() for path in WARM_UP.iterdir()}
        config = configs.preprocess_config(size).encode()
        placed.write(folder, {"config.pbtxt": config, "1/.gitkeep": b"", **files})
        folder = placed.folder(folder)
    _check_preprocess(repository.read_config(folder), size, options)
    return folder


def _check_preprocess(config: ModelConfig, size: int, options: Options) -> None:
    made = [(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in config.output]
    if made != [("pixels", DataType.TYPE_UINT8, [size, size, 3])]:
        raise SetupError(f"{config.name} is there and does not make UINT8 pixels [{size}, {size}, 3]: rename it")
    if options.batch_size > config.max_batch_size:
        raise SetupError(
            f"--max-batch-size is {options.batch_size}, and {config.name} takes batches of {config.max_batch_size}"
        )
