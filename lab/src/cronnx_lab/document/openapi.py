"""docs/openapi.json: Triton's own HTTP calls, and the calls of each model by its configuration.

Source: the OpenAPI specification 3.1, and Triton's protocol documents (KServe v2 and the generate extension).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInput, ModelOutput

TRITON_API = Path(__file__).with_name("triton_api.json")
JSON_TYPES = {"TYPE_STRING": "string", "TYPE_BOOL": "boolean", "TYPE_FP16": "number", "TYPE_FP32": "number"}
JSON_TYPES |= {"TYPE_FP64": "number"} | {
    f"TYPE_{sign}INT{bits}": "integer" for sign in ("", "U") for bits in (8, 16, 32, 64)
}
ONE_PIXEL_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
MEANINGS = {
    "image": "A JPEG, PNG, WebP, BMP, TIFF or GIF file in base64, or as a data URL.",
    "user_id": "The user who sends the image: a user always gets the same arm of an A/B test.",
    "label": "The names of the classes, the most likely first.",
    "class_id": "The numbers of the classes.",
    "score": "The scores of the classes.",
    "num_detections": "How many rows are detections; the rest is padding.",
    "box": "The corners of each box, x1 y1 x2 y2 in pixels of the image.",
    "served_by": "The model, its version and the first eight digits of the SHA-256 of its weights.",
}
ID = {"id": {"type": "string", "description": "Returned in the answer and written to the server's log."}}
SUMMARIES = {"generate": "Classify one image", "infer": "Classify a batch of images"}
INFER_ANSWER = {"$ref": "#/components/schemas/InferAnswer"}
EXAMPLES = {"image": ONE_PIXEL_PNG, "user_id": "ada"}
REFUSALS = {"400": "Refused", "404": "NotServed", "500": "Failed", "503": "Overloaded"}

Schema = dict[str, Any]


def description(models: Mapping[str, ModelConfig], classifiers: Iterable[str]) -> str:
    """The text of the document, as JSON.

    Args:
        models: The configuration of each model.
        classifiers: The names of the ensembles that classify images.
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
    """The request and the answer of each call; models with the same interface share their names."""
    inputs, top_k = "_".join(tensor.name for tensor in config.input), config.output[0].dims[0]
    batch = f"{inputs}_batch_{config.max_batch_size}"
    return {
        "generate": (
            {f"generate_{inputs}": {"required": True, "content": _json(**_generate_request(config))}},
            {
                f"top_{top_k}": {
                    "description": "The classes of the image.",
                    "content": _json(schema=_generate_answer(config)),
                }
            },
        ),
        "infer": (
            {f"infer_{batch}": {"required": True, "content": _json(**_infer_request(config))}},
            {"Tensors": {"description": "The classes of the images.", "content": _json(schema=INFER_ANSWER)}},
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
            "additionalProperties": False,  # Triton would read them as parameters of the request
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
                "outputs": {"type": "array", "items": outputs, "description": "The outputs to return; all by default."},
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


def datatype(data_type: str) -> str:
    """The protocol's name of a data type of a configuration."""
    return "BYTES" if data_type == "TYPE_STRING" else data_type.removeprefix("TYPE_")


def json_schema(data_type: str, dims: list[int]) -> dict[str, Any]:
    """The JSON schema of a tensor without its batch dimension: one element, or a flat list."""
    element = {"type": JSON_TYPES[data_type]}
    count = 1
    for dim in dims:
        count *= dim
    return element if count == 1 else {"type": "array", "items": element, "minItems": count, "maxItems": count}
