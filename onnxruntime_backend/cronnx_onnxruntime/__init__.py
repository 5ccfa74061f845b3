"""Runs ONNX models as a model configuration says: the stand-in backend `onnxruntime`, without Triton.

`datatypes`; `signature`, the inputs and outputs of a graph; `settings`, the session options in a configuration;
`providers`: CPU, CUDA, TensorRT; `autocomplete`; `batches`; `shares`, a batch cut into parallel runs; `ragged`;
`strings`; `runner` puts them together.
"""
