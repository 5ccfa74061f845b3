"""Add any ONNX file as a model that the server serves."""
