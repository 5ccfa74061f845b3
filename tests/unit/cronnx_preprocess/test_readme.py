from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from google.protobuf import json_format, text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_preprocess import Options
from cronnx_preprocess.geometry import Recipe
from cronnx_preprocess.options import read_parameters

README = (Path(__file__).parents[3] / "preprocess_backend" / "README.md").read_text()
DEFAULTS = dict(re.findall(r"^\| `(\w+)` \| (?:`([\w.]+)`|none) \|", README, re.MULTILINE))


PARAMETERS = {
    field.name: field.default
    for field in (*fields(Recipe), *fields(Options))
    if field.name not in ("canvas", "tensors", "recipe", "processes")
}


def test_every_option_is_listed_as_a_parameter() -> None:
    assert set(DEFAULTS) == set(PARAMETERS)


def test_the_defaults_listed_are_the_defaults() -> None:
    given = {name: {"string_value": value} for name, value in DEFAULTS.items() if value}
    assert dict.fromkeys(DEFAULTS) | read_parameters(given) == PARAMETERS


def test_the_config_shown_loads() -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    config = text_format.Parse(shown, ModelConfig())
    options = Options.from_model_config(json_format.MessageToDict(config, preserving_proto_field_name=True))
    assert options.recipe.resize_size == (256, 256)
