"""What exporters write: the ONNX file, the files beside it, and the facts in them."""
