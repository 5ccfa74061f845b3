"""From an ONNX file to folders of models that are whole, proven and, where a server answers, served."""

from __future__ import annotations

from collections.abc import Iterator

import cronnx_onnxruntime.errors
import cronnx_preprocess.errors
from cronnx_server.add_model import classifier_model, graph_file, names, raw_model, serving
from cronnx_server.add_model.addition import Addition
from cronnx_server.add_model.existing import Existing
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import OWN, Placement, Repositories, placement
from cronnx_server.errors import SetupError


def add(options: Options, *, url: str | None, repositories: Repositories = OWN) -> Iterator[str]:
    """Add a model, and say what came of it, a paragraph at a time.

    Args:
        options: what is added.
        url: of the server that is to load it; None is none.
        repositories: where it goes.

    Raises:
        SetupError: it cannot be served, and nothing is added; or the server will not load it.
    """
    with placement(repositories.aside) as placed:
        try:
            addition = _prepared(options, repositories, placed)
        except (cronnx_onnxruntime.errors.ConfigError, cronnx_preprocess.errors.ConfigError) as error:
            raise SetupError(f"{options.file.name} cannot be added: {error}") from error
        if addition.proof:
            yield str(addition.proof)
        placed.publish()
        yield "\n".join(f"added {place.parent.name}/{place.name}" for place in placed.folders)
        if url:
            yield serving.serve(url, addition, placed)
        if addition.ensemble and not addition.is_live:
            yield f".venv/bin/cronnx promote {addition.ensemble} {addition.version}"


def _prepared(options: Options, repositories: Repositories, placed: Placement) -> Addition:
    existing = Existing(repositories.models / f"{options.name}_onnx")
    names.check(options.name, repositories)
    graph = graph_file.read(options.file)
    if existing.is_there:
        existing.check_batching(options)
        if options.raw:
            return raw_model.next_version(graph, existing, placed)
        return classifier_model.next_version(graph, options, existing, placed)
    if options.raw:
        return raw_model.new(graph, options, repositories, placed)
    return classifier_model.new(graph, options, repositories, placed)
