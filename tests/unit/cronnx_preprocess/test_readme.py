from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from google.protobuf import json_format, text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

import cronnx_preprocess
from cronnx_preprocess import Options
from cronnx_preprocess.options import read_parameters

README = (Path(cronnx_preprocess.__file__).parents[1] / "README.md").read_text()
DEFAULTS = dict(re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|", README, re.MULTILINE))


def test_every_option_is_listed_as_a_parameter() -> None:
    assert set(DEFAULTS) == {field.name for field in fields(Options)} - {"tensors"}


def test_the_defaults_listed_are_the_defaults() -> None:
    listed = read_parameters({name: {"string_value": value} for name, value in DEFAULTS.items()})
    for field in fields(Options):
        if field.name != "tensors":
            assert listed[field.name] == field.default


def test_the_config_shown_loads() -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    config = text_format.Parse(shown, ModelConfig())
    options = Options.from_model_config(json_format.MessageToDict(config, preserving_proto_field_name=True))
    assert options.crop == 0.875
