"""The description of the HTTP API: Triton's own calls, and those that the models' configurations make of it.

Source: the OpenAPI specification 3.1, and Triton's protocol documents (KServe v2 and the generate extension).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInput, ModelOutput

from cronnx_lab.document.tensors import datatype, json_schema

TRITON_API = Path(__file__).with_name("triton_api.json")
ONE_PIXEL_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
MEANINGS = {
    "image": "A JPEG, PNG, WebP, BMP, TIFF or GIF file in base64, or as a data URL.",
    "user_id": "Whose picture it is: a user always gets the same arm of an A/B test.",
    "label": "The classes' names, the likeliest first.",
    "class_id": "Their numbers.",
    "score": "Their probabilities.",
    "served_by": "Model, version and the first eight digits of its weights' SHA-256.",
}
ID = {"id": {"type": "string", "description": "Comes back in the answer, and is in the server's log."}}
SUMMARIES = {"generate": "Classify one picture", "infer": "Classify a batch of pictures"}
INFER_ANSWER = {"$ref": "#/components/schemas/InferAnswer"}
EXAMPLES = {"image": ONE_PIXEL_PNG, "user_id": "ada"}
REFUSALS = {"400": "Refused", "404": "NotServed", "500": "Failed", "503": "Overloaded"}

Schema = dict[str, Any]


def description(models: Mapping[str, ModelConfig], classifiers: Iterable[str]) -> str:
    """The document, as JSON.

    Args:
        models: every model's configuration, by name.
        classifiers: those that take pictures and are asked by callers.
    """
    document = json.loads(TRITON_API.read_text())
    components, calls = document["components"], {}
    components["parameters"]["ModelName"]["schema"]["enum"] = sorted(models)
    for name in classifiers:
        for kind, (request, answer) in _bodies(models[name]).items():
            components["requestBodies"] |= request
            components["responses"] |= answer
            calls[f"/v2/models/{name}/{kind}"] = {"post": _call(f"{kind}_{name}", kind, *request, *answer)}
    document["paths"] = {**calls, **document["paths"]}
    return json.dumps(document, indent=2) + "\n"


def _call(operation: str, kind: str, request: str, answer: str) -> Schema:
    answers = {"200": answer, **REFUSALS}
    return {
        "operationId": operation,
        "tags": ["classify"],
        "summary": SUMMARIES[kind],
        "requestBody": {"$ref": f"#/components/requestBodies/{request}"},
        "responses": {status: {"$ref": f"#/components/responses/{name}"} for status, name in answers.items()},
    }


def _bodies(config: ModelConfig) -> dict[str, tuple[Schema, Schema]]:
    """By the kind of call its request and its answer, each under a name that models of the same interface share."""
    inputs, top_k = "_".join(tensor.name for tensor in config.input), config.output[0].dims[0]
    batch = f"{inputs}_batch_{config.max_batch_size}"
    return {
        "generate": (
            {f"generate_{inputs}": {"required": True, "content": _json(**_generate_request(config))}},
            {f"top_{top_k}": {"description": "Its classes.", "content": _json(schema=_generate_answer(config))}},
        ),
        "infer": (
            {f"infer_{batch}": {"required": True, "content": _json(**_infer_request(config))}},
            {"Tensors": {"description": "Their classes.", "content": _json(schema=INFER_ANSWER)}},
        ),
    }


def _json(**media: Schema) -> Schema:
    return {"application/json": media}


def _generate_request(config: ModelConfig) -> Schema:
    return {
        "schema": {
            "type": "object",
            "required": [tensor.name for tensor in config.input if not tensor.optional],
            "properties": {**ID, **{tensor.name: _described(tensor) for tensor in config.input}},
            "additionalProperties": False,  # Triton would take them for parameters of the request
        },
        "example": {tensor.name: EXAMPLES[tensor.name] for tensor in config.input},
    }


def _generate_answer(config: ModelConfig) -> Schema:
    named = {key: {"type": "string"} for key in ("model_name", "model_version")}
    tensors = {tensor.name: _described(tensor) for tensor in config.output}
    return {"type": "object", "required": [*named, *tensors], "properties": {**named, **tensors}}


def _described(tensor: ModelInput | ModelOutput) -> Schema:
    return {**json_schema(DataType.Name(tensor.data_type), list(tensor.dims)), "description": MEANINGS[tensor.name]}


def _infer_request(config: ModelConfig) -> Schema:
    batch = {"type": "integer", "minimum": 1, "maximum": config.max_batch_size}
    inputs = [
        _tensor(tensor, {"type": "array", "prefixItems": [batch, {"const": 1}], "minItems": 2, "maxItems": 2})
        for tensor in config.input
    ]
    outputs = {"type": "object", "required": ["name"], "properties": {"name": {"enum": _names(config.output)}}}
    return {
        "schema": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                **ID,
                "inputs": {"type": "array", "minItems": 1, "items": {"anyOf": inputs}},
                "outputs": {"type": "array", "items": outputs, "description": "All, where none is named."},
            },
            "additionalProperties": False,
        },
        "example": {"id": "one", "inputs": [_example(tensor) for tensor in config.input]},
    }


def _tensor(tensor: ModelInput, shape: Schema) -> Schema:
    element = json_schema(DataType.Name(tensor.data_type), [1])
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": tensor.name},
            "shape": shape,
            "datatype": {"const": datatype(DataType.Name(tensor.data_type))},
            "data": {"type": "array", "items": {**element, "description": MEANINGS[tensor.name]}},
        },
    }


def _example(tensor: ModelInput) -> Schema:
    kind = datatype(DataType.Name(tensor.data_type))
    return {"name": tensor.name, "shape": [1, 1], "datatype": kind, "data": [EXAMPLES[tensor.name]]}


def _names(tensors: Iterable[ModelOutput]) -> list[str]:
    return [tensor.name for tensor in tensors]
