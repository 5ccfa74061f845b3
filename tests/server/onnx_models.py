"""Models of a test's own in a server: put into its repository, asked, counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy.typing as npt
import tritonclient.grpc
from tritonclient.utils import np_to_triton_dtype

from cronnx_server.serve.addresses import Addresses

Array = npt.NDArray[Any]
Infer = Callable[..., dict[str, Array]]

ONE_INSTANCE = "instance_group [ { count: 1 } ]\n"


def put(repository: Path, name: str, model: bytes, config: str, *, version: int = 1) -> Path:
    """Write a model, and its configuration where there is any; returns the version's folder."""
    folder = repository / name / str(version)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model)
    if config:
        (repository / name / "config.pbtxt").write_text(f'backend: "onnxruntime"\n{config}')
    return folder


def parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}\n'


def grpc_client(addresses: Addresses) -> Any:
    return tritonclient.grpc.InferenceServerClient(addresses.grpc.partition("://")[2])


def inferring(client_module: ModuleType, client: Any) -> Infer:
    """A call that asks `client` and gives every output by name."""

    def infer(
        model_name: str, inputs: Mapping[str, Array], wanted: tuple[str, ...] = (), version: str = ""
    ) -> dict[str, Array]:
        requested = [client_module.InferRequestedOutput(name) for name in wanted] or None
        result = client.infer(model_name, infer_inputs(client_module, inputs), version, outputs=requested)
        response = result.get_response()
        outputs = response["outputs"] if isinstance(response, dict) else response.outputs
        names = [output["name"] if isinstance(output, dict) else output.name for output in outputs]
        return {name: result.as_numpy(name) for name in names}

    return infer


def infer_inputs(client_module: ModuleType, inputs: Mapping[str, Array]) -> list[Any]:
    tensors = []
    for name, array in inputs.items():
        tensors.append(client_module.InferInput(name, array.shape, np_to_triton_dtype(array.dtype)))
        tensors[-1].set_data_from_numpy(array)
    return tensors


def executions(client: Any, name: str) -> tuple[int, int]:
    """How many requests a model has answered, and in how many runs."""
    (model,) = client.get_inference_statistics(name).model_stats
    return model.inference_stats.success.count, model.execution_count
