"""From published weights to `model.onnx` files in the model repository."""
