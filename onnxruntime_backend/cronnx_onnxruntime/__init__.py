"""Runs ONNX models as a model configuration says: the stand-in backend `onnxruntime`, without Triton.

`datatypes`; `signature`, the inputs and outputs of a graph; `settings`, the session options in a configuration;
`providers`: CPU, CUDA, TensorRT; `autocomplete`; `batches`; `shares`, a batch cut into parallel runs; `ragged`;
`strings`; `runner` puts them together.
"""

import os

# From 1.29, ONNX Runtime's wheels for Linux report models and machines to Microsoft unless this is set before they are
# imported: microsoft/onnxruntime#27379.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
