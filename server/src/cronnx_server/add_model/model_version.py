"""Write a user's file as a version of a model: a new model or a next version, a classifier or an unchanged graph."""

from __future__ import annotations

from dataclasses import dataclass

from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from cronnx_onnxruntime.autocomplete import completions
from cronnx_onnxruntime.signature import Signature
from cronnx_preprocess import Options as PreprocessOptions
from cronnx_server import repository
from cronnx_server.add_model import configs
from cronnx_server.add_model.classifier import Classifier, Wrapping, read_network
from cronnx_server.add_model.classifier_signature import classifier_signature
from cronnx_server.add_model.existing_model import ExistingModel
from cronnx_server.add_model.model_file import ModelFile, session
from cronnx_server.add_model.options import IMAGENET_MEAN, IMAGENET_STD, Options
from cronnx_server.add_model.placement import Placement, Repositories
from cronnx_server.add_model.proof import Proof, prove_classifier, prove_it_runs
from cronnx_server.build_models.labels import read_labels
from cronnx_server.errors import ModelFileError, RepositoryError
from cronnx_server.graphs.heads.classification import TOP_K
from cronnx_server.paths import MODEL_REPOSITORY

WARM_UP = MODEL_REPOSITORY / "preprocess_224" / "warmup"


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model, proven and written to a placement.

    Attributes:
        model_name: The model that a server loads.
        version: The number of the version.
        ensemble: The ensemble that clients call; empty for an unchanged graph.
        proof: The answer of a classifier.
    """

    model_name: str
    version: int
    ensemble: str = ""
    proof: Proof | None = None

    @property
    def is_live(self) -> bool:
        """Whether clients of the ensemble get this version; a next version has to be promoted."""
        return self.model_name == self.ensemble


def new_classifier(file: ModelFile, options: Options, repositories: Repositories, placed: Placement) -> ModelVersion:
    """Write a new classifier, its ensemble, and its `preprocess_<size>` unless that exists.

    Raises:
        ModelFileError: The file cannot be served as a classifier.
        RepositoryError: An existing `preprocess_<size>` does not fit.
    """
    signature = classifier_signature(file.signature, size=options.size)
    network = read_network(file.model, signature)
    wrapping = Wrapping(
        mean=options.mean or IMAGENET_MEAN,
        std=options.std or IMAGENET_STD,
        labels=read_labels(options.labels, classes=network.classes),
    )
    classifier = Classifier(file, signature, network, wrapping)
    content = classifier.content(name=options.name, version=1)
    _preprocess(signature.size, options, repositories, placed)
    _write_classifier(classifier, content, options, repositories, placed)
    proof = prove_classifier(content, classifier)
    return ModelVersion(options.name, version=1, proof=proof, ensemble=options.name)


def next_classifier(file: ModelFile, options: Options, existing: ExistingModel, placed: Placement) -> ModelVersion:
    """Write the next version of a classifier; options that are not given are those of its oldest version.

    Raises:
        ModelFileError: The file cannot be a version of this model.
        RepositoryError: The existing model is not a classifier, or has no version yet.
    """
    oldest, version = existing.classifier(), existing.next_version
    if options.size not in (None, oldest.size):
        raise ModelFileError(
            f"expected --size {oldest.size}, the size of {existing.folder.name}, got {options.size}; omit --size"
        )
    signature = classifier_signature(file.signature, size=oldest.size)
    network = read_network(file.model, signature)
    wrapping = _next_wrapping(oldest.wrapping, options, classes=network.classes)
    classifier = Classifier(file, signature, network, wrapping)
    content = classifier.content(name=options.name, version=version)
    existing.check(Signature.of(session(content)))
    proof = prove_classifier(content, classifier)
    placed.write(existing.folder / str(version), {"model.onnx": content})
    return ModelVersion(existing.folder.name, version=version, proof=proof, ensemble=options.name)


def new_raw_model(file: ModelFile, options: Options, repositories: Repositories, placed: Placement) -> ModelVersion:
    """Write a new model whose configuration is the signature of its graph.

    Raises:
        ModelFileError: The graph cannot be served like this.
    """
    batchable = file.signature.batchable
    if options.max_batch_size and not batchable:
        raise ModelFileError(
            f"expected a variable first dimension of every input and output for --max-batch-size "
            f"{options.max_batch_size}, got a fixed one in {file.path.name}; omit --max-batch-size"
        )
    prove_it_runs(file)
    wanted = {"max_batch_size": options.batch_size if batchable else 0, "input": [], "output": []}
    config = configs.onnx_config(
        {**wanted, **completions(wanted, file.signature)}, max_queue_delay_ms=options.max_queue_delay_ms
    )
    folder = repositories.models / f"{options.name}_onnx"
    placed.write(folder, {"config.pbtxt": config.encode(), "1/.gitkeep": b"", "1/model.onnx": file.content})
    return ModelVersion(folder.name, version=1)


def next_raw_model(file: ModelFile, existing: ExistingModel, placed: Placement) -> ModelVersion:
    """Write the next version of a model that serves unchanged graphs.

    Raises:
        ModelFileError: The graph cannot be a version of this model.
    """
    existing.check(file.signature)
    prove_it_runs(file)
    version = existing.next_version
    placed.write(existing.folder / str(version), {"model.onnx": file.content})
    return ModelVersion(existing.folder.name, version=version)


def _next_wrapping(oldest: Wrapping, options: Options, *, classes: int) -> Wrapping:
    if classes != len(oldest.labels):
        raise ModelFileError(
            f"expected {len(oldest.labels)} classes like the versions of {options.name}, got {classes}; "
            "choose another --name"
        )
    return Wrapping(
        mean=options.mean or oldest.mean,
        std=options.std or oldest.std,
        labels=oldest.labels if options.labels is None else read_labels(options.labels, classes=classes),
    )


def _write_classifier(
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


def _preprocess(size: int, options: Options, repositories: Repositories, placed: Placement) -> None:
    """Write `preprocess_<size>` to the placement unless it exists, and check that it fits."""
    folder = repositories.models / f"preprocess_{size}"
    if not folder.exists():
        files = {f"warmup/{path.name}": path.read_bytes() for path in WARM_UP.iterdir()}
        config = configs.preprocess_config(size).encode()
        placed.write(folder, {"config.pbtxt": config, "1/.gitkeep": b"", **files})
        folder = placed.folder(folder)
    _check_preprocess(repository.read_config(folder), size, options)


def _check_preprocess(config: ModelConfig, size: int, options: Options) -> None:
    outputs = [(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in config.output]
    if outputs != [("pixels", DataType.TYPE_UINT8, [size, size, 3])]:
        raise RepositoryError(f"expected UINT8 pixels [{size}, {size}, 3] from {config.name}; rename that model")
    PreprocessOptions.from_model_config(repository.as_json(config))
    if options.batch_size > config.max_batch_size:
        raise RepositoryError(
            f"expected --max-batch-size up to {config.max_batch_size}, the limit of {config.name}, "
            f"got {options.batch_size}"
        )
