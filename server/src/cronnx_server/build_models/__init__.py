"""Build the models of the catalogue: from published weights to `model.onnx` files in the model repository."""
