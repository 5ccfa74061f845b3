"""From an ONNX file to a model that is served."""
