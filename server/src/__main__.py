"""Run a command of the project in `.venv`, which is created first: `python3 server/src MODULE [ARGUMENT ...]`."""

import sys

from cronnx_server.environment import run

sys.exit(run(sys.argv[1], sys.argv[2:]))
