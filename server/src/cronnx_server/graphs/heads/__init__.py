"""Heads: what turns a network's outputs into an answer, as part of the ONNX graph."""
