from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from google.protobuf import text_format
from PIL import Image
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from cronnx.playground.openapi import JSON_TYPES, ONE_PIXEL_PNG, datatype, description, json_schema

CONFIG = """
name: "plants"
max_batch_size: 8
input [
  { name: "image" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "user_id" data_type: TYPE_STRING dims: [ 1 ] optional: true }
]
output [
  { name: "label" data_type: TYPE_STRING dims: [ 3 ] },
  { name: "served_by" data_type: TYPE_STRING dims: [ 1 ] }
]
"""


@pytest.fixture
def described() -> dict[str, Any]:
    models = {name: text_format.Parse(CONFIG, ModelConfig()) for name in ("plants", "plants_onnx")}
    return description(models, ["plants"])


def resolved(document: dict[str, Any], reference: dict[str, str]) -> dict[str, Any]:
    """The schema of a component's content."""
    _, kind, name = reference["$ref"].removeprefix("#/").split("/")
    schema: dict[str, Any] = document["components"][kind][name]["content"]["application/json"]["schema"]
    return schema


def request(document: dict[str, Any], call: str) -> dict[str, Any]:
    return resolved(document, document["paths"][f"/v2/models/plants/{call}"]["post"]["requestBody"])


def test_classifiers_have_calls_of_their_own(described: dict[str, Any]) -> None:
    own = [path for path in described["paths"] if path.startswith("/v2/models/plants")]
    assert own == ["/v2/models/plants/generate", "/v2/models/plants/infer"]


def test_every_model_can_be_asked_about(described: dict[str, Any]) -> None:
    assert described["components"]["parameters"]["ModelName"]["schema"]["enum"] == ["plants", "plants_onnx"]


def test_an_optional_input_is_not_required(described: dict[str, Any]) -> None:
    asked = request(described, "generate")
    assert asked["required"] == ["image"]
    assert set(asked["properties"]) == {"id", "image", "user_id"}


def test_a_tensor_of_one_element_is_that_element_and_others_are_lists(described: dict[str, Any]) -> None:
    answer = described["paths"]["/v2/models/plants/generate"]["post"]["responses"]["200"]
    outputs = resolved(described, answer)["properties"]
    assert outputs["served_by"]["type"] == "string"
    assert (outputs["label"]["type"], outputs["label"]["minItems"], outputs["label"]["maxItems"]) == ("array", 3, 3)


def test_a_batch_is_at_most_the_models(described: dict[str, Any]) -> None:
    image, _ = request(described, "infer")["properties"]["inputs"]["items"]["anyOf"]
    assert image["properties"]["shape"]["prefixItems"][0]["maximum"] == 8
    assert image["properties"]["datatype"] == {"const": "BYTES"}


def test_the_example_is_a_picture() -> None:
    assert Image.open(io.BytesIO(base64.b64decode(ONE_PIXEL_PNG))).size == (1, 1)


NOT_IN_JSON = {"TYPE_INVALID", "TYPE_BF16"}


def test_every_type_that_json_can_carry_has_its_type_there() -> None:
    assert set(JSON_TYPES) == set(DataType.keys()) - NOT_IN_JSON


@pytest.mark.parametrize(("data_type", "named"), [("TYPE_STRING", "BYTES"), ("TYPE_FP32", "FP32")])
def test_a_type_has_the_protocols_name(data_type: str, named: str) -> None:
    assert datatype(data_type) == named


def test_dims_are_counted_together() -> None:
    assert json_schema("TYPE_FP32", [2, 3]) == {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 6,
        "maxItems": 6,
    }
