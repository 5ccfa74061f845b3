"""A server under more than it can take, and under load for a long time: `scripts/overload` and `scripts/soak`."""

import sys

from local_server.paths import ROOT

# Where Triton finds it too: it is a backend, not a distribution.
sys.path.append(str(ROOT / "preprocess_backend"))
