"""Damaged pictures and malformed requests, drawn at random, and what a server may say to them."""

import sys

from local_server.paths import ROOT

# Where Triton finds it too: it is a backend, not a distribution.
sys.path.append(str(ROOT / "preprocess_backend"))
