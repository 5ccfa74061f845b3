"""From somebody's ONNX file to a model that is served."""

from __future__ import annotations

import sys

from local_server.paths import ROOT

# Where Triton finds them too: they are backends, not distributions.
sys.path += [str(ROOT / "onnxruntime_backend"), str(ROOT / "preprocess_backend")]
