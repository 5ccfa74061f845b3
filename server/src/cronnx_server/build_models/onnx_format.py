"""The ONNX versions the built models are written in: old enough for every server they are meant for."""

from __future__ import annotations

from onnx import helper

IR_VERSION = 8
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
