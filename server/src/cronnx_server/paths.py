"""The folders of a clone. Everything that a command creates is in folders that git ignores."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MODEL_REPOSITORY = ROOT / "model_repository"
ENSEMBLES = ROOT / "ensembles"
REQUIREMENTS = ROOT / "requirements"
SERVER_SOURCE = ROOT / "server" / "src"
PICTURES = ROOT / "scripts" / "pictures"

VENV = ROOT / ".venv"
STATE = ROOT / ".triton"
SERVER = STATE / "server"
UV = STATE / "uv"
BACKENDS = STATE / "backends"
LINKS = STATE / "links"
WEIGHTS = STATE / "weights"
ENGINES = STATE / "tensorrt"
