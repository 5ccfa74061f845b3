"""The HTTP API as OpenAPI: Triton's own calls, and those of each model for images by its configuration.

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
    "keypoints": "The points of each pose: x, y in pixels of the image, and visibility.",
    "corners": "The four corners of each oriented box, x y in pixels of the image.",
    "mask": "The crops of the masks of all objects, one behind the other.",
    "mask_size": "The height and the width of each crop.",
    "mask_box": "The rectangle that each crop covers, x1 y1 x2 y2 in pixels of the image.",
    "mask_scale": "The factor to enlarge a crop by.",
    "class_map": "The class of each pixel of the network's grid.",
    "geometry": "Where the image lies on the grid: its width and height, scale x y, pad x y.",
    "embedding": "The vector of the image, of length 1.",
    "depth": "The depth of each pixel of the network's grid.",
    "served_by": "The model, its version and the first eight digits of the SHA-256 of its weights.",
}
ID = {"id": {"type": "string", "description": "Returned in the answer and written to the server's log."}}
CLASSIFIERS = ("", "classification", "multi_label")
IMAGES = {"generate": "one image", "infer": "a batch of images"}
ASK = {"name": "ask", "description": "A picture in, the answer of the model's task out."}
INFER_ANSWER = {"$ref": "#/components/schemas/InferAnswer"}
EXAMPLES = {"image": ONE_PIXEL_PNG, "user_id": "ada"}
REFUSALS = {"400": "Refused", "404": "NotServed", "500": "Failed", "503": "Overloaded"}

Schema = dict[str, Any]


def description(models: Mapping[str, ModelConfig], image_models: Iterable[str]) -> Schema:
    """Return the document, as JSON types.

    Args:
        models: The configuration of each model.
        image_models: The names of those with calls of their own, for which `is_described` is true.
    """
    document: Schema = json.loads(TRITON_API.read_text())
    components, calls = document["components"], {}
    components["parameters"]["ModelName"]["schema"]["enum"] = sorted(models)
    for name in image_models:
        for kind, (request, answer) in _bodies(models[name]).items():
            components["requestBodies"] |= request
            components["responses"] |= answer
            calls[f"/v2/models/{name}/{kind}"] = {"post": _call(models[name], kind, *request, *answer)}
    document["paths"] = {**calls, **document["paths"]}
    if any(call["post"]["tags"] == [ASK["name"]] for call in calls.values()):
        document["tags"].insert(1, ASK)
    return document


def is_described(config: ModelConfig) -> bool:
    """Return whether a model takes images in batches, and nothing else that the document has no example of."""
    inputs = {tensor.name for tensor in config.input}
    return "image" in inputs and inputs <= EXAMPLES.keys() and config.max_batch_size > 0


def _is_classifier(config: ModelConfig) -> bool:
    task = config.parameters["task"].string_value if "task" in config.parameters else ""
    return task in CLASSIFIERS


def _call(config: ModelConfig, kind: str, request: str, answer: str) -> Schema:
    answers = {"200": answer, **REFUSALS}
    verb, tag = ("Classify", "classify") if _is_classifier(config) else ("Ask about", ASK["name"])
    return {
        "operationId": f"{kind}_{config.name}",
        "tags": [tag],
        "summary": f"{verb} {IMAGES[kind]}",
        "requestBody": {"$ref": f"#/components/requestBodies/{request}"},
        "responses": {status: {"$ref": f"#/components/responses/{name}"} for status, name in answers.items()},
    }


def _bodies(config: ModelConfig) -> dict[str, tuple[Schema, Schema]]:
    """Return the request and the answer of each call; classifiers with the same interface share their names."""
    inputs = "_".join(tensor.name for tensor in config.input)
    batch = f"{inputs}_batch_{config.max_batch_size}"
    is_classifier = _is_classifier(config)
    infer_request = f"infer_{batch}" if is_classifier else f"infer_{config.name}"
    answer = f"top_{config.output[0].dims[0]}" if is_classifier else f"answer_of_{config.name}"
    what = "classes" if is_classifier else "answer"
    return {
        "generate": (
            {f"generate_{inputs}": {"required": True, "content": _json(**_generate_request(config))}},
            {
                answer: {
                    "description": f"The {what} of the image.",
                    "content": _json(schema=_generate_answer(config)),
                }
            },
        ),
        "infer": (
            {infer_request: {"required": True, "content": _json(**_infer_request(config))}},
            {"Tensors": {"description": "The outputs for the images.", "content": _json(schema=INFER_ANSWER)}},
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
    schema: Schema = json_schema(DataType.Name(tensor.data_type), list(tensor.dims))
    return {**schema, "description": MEANINGS[tensor.name]} if tensor.name in MEANINGS else schema


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
    """Return the protocol's name of a data type of a configuration."""
    return "BYTES" if data_type == "TYPE_STRING" else data_type.removeprefix("TYPE_")


def json_schema(data_type: str, dims: list[int]) -> dict[str, Any]:
    """Return the JSON schema of a tensor without its batch dimension: one element, or a flat list."""
    element = {"type": JSON_TYPES[data_type]}
    if any(dim < 0 for dim in dims):
        return {"type": "array", "items": element}
    count = 1
    for dim in dims:
        count *= dim
    return element if count == 1 else {"type": "array", "items": element, "minItems": count, "maxItems": count}
