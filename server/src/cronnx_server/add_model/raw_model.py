"""A graph served as it is: a new model, or the next version of one that is there."""

from __future__ import annotations

from cronnx_onnxruntime.autocomplete import completions
from cronnx_server.add_model import configs, proof
from cronnx_server.add_model.addition import Addition
from cronnx_server.add_model.existing import Existing
from cronnx_server.add_model.graph_file import GraphFile
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import Placement, Repositories
from cronnx_server.errors import SetupError


def new(graph: GraphFile, options: Options, repositories: Repositories, placed: Placement) -> Addition:
    """Write a new model whose configuration is the graph's signature.

    Raises:
        SetupError: `graph` cannot be served so.
    """
    batchable = graph.signature.batchable
    if options.max_batch_size and not batchable:
        raise SetupError(
            f"--max-batch-size is {options.max_batch_size}, and the first dimension of an input or output of "
            f"{graph.path.name} does not vary: leave --max-batch-size out"
        )
    proof.check_runs(graph)
    asked = {"max_batch_size": options.batch_size if batchable else 0, "input": [], "output": []}
    config = configs.onnx_config(
        {**asked, **completions(asked, graph.signature)}, max_queue_delay_ms=options.max_queue_delay_ms
    )
    folder = repositories.models / f"{options.name}_onnx"
    placed.write(folder, {"config.pbtxt": config.encode(), "1/.gitkeep": b"", "1/model.onnx": graph.content})
    return Addition(folder.name, version=1)


def next_version(graph: GraphFile, existing: Existing, placed: Placement) -> Addition:
    """Write the next version of a model that is there.

    Raises:
        SetupError: `graph` cannot be a version of it.
    """
    existing.check(graph.signature)
    proof.check_runs(graph)
    version = existing.next_version
    placed.write(existing.folder / str(version), {"model.onnx": graph.content})
    return Addition(existing.folder.name, version=version)
