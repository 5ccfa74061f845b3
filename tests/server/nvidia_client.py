"""Inference by NVIDIA's own client, with arrays by name in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy.typing as npt
import tritonclient.grpc
from tritonclient.utils import np_to_triton_dtype

from cronnx_server.serve.addresses import Addresses
from tests.server.polling import until

Array = npt.NDArray[Any]
Infer = Callable[..., dict[str, Array]]


def grpc_client(addresses: Addresses) -> Any:
    return tritonclient.grpc.InferenceServerClient(addresses.grpc.partition("://")[2])


def inferring(client_module: ModuleType, client: Any) -> Infer:
    """Return a function that calls a model and returns its outputs by name."""

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


def executions(client: Any, name: str, *, images: int) -> tuple[int, int]:
    """Return the number of requests that a model has answered and the number of batches they ran in.

    Args:
        client: The client of the server.
        name: The model.
        images: The number of images that it has been sent since it was loaded. Triton counts a batch after it has
            answered its requests, so that the last is awaited.
    """

    def statistics() -> Any:
        (model,) = client.get_inference_statistics(name).model_stats
        return model

    until(lambda: statistics().inference_count == images, what=f"{name} has counted {images} images")
    model = statistics()
    return model.inference_stats.success.count, model.execution_count
