"""From somebody's ONNX file to a model that is served."""

from __future__ import annotations

import sys

from local_server.paths import ROOT

sys.path.append(str(ROOT / "onnxruntime_backend"))  # where Triton finds it too: it is a backend, not a distribution
