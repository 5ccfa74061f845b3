"""That the files a model is made of are there."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.repositories import DEFAULT_MODEL_FILENAME, Model, Repositories


def weights(repositories: Repositories) -> Iterator[Finding]:
    """Findings about versions that have no graph."""
    for model in repositories.steps:
        if model.backend == "onnxruntime":
            yield from _without_graph(model)


def _without_graph(model: Model) -> Iterator[Finding]:
    name = model.config.default_model_filename or DEFAULT_MODEL_FILENAME
    for version in model.loaded_versions:
        if not {f"{version}/{name}", f"{version}/{name}/{DEFAULT_MODEL_FILENAME}"} & model.files:
            yield error(
                model.folder / str(version),
                f"no {name}",
                f"Build it, scripts/build_models {model.name.removesuffix('_onnx')}, or put it there.",
            )


def labels(repositories: Repositories) -> Iterator[Finding]:
    """Findings about files of labels."""
    for model in repositories.models:
        for output in model.config.output:
            if output.label_filename and output.label_filename not in model.files:
                yield error(
                    model.config_path,
                    f"output '{output.name}' has its labels in {output.label_filename}, which is not in {model.folder}",
                    "Put the file there, or leave label_filename out.",
                )
