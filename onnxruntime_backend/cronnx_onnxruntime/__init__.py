"""What the stand-in backend knows of ONNX Runtime and of model configurations; nothing here knows a server.

One module a concept: `datatypes`, `signature` (what a graph takes and gives), `settings` (what a configuration asks
of ONNX Runtime), `providers` (CPU, CUDA, TensorRT), `autocomplete`, `batches`, `ragged`, and `runner`, which ties
them together.
"""
