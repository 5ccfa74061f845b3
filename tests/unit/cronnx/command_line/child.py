"""`cronnx` in a process of its own, with a client that needs no server.

If DOTS names a file descriptor, DOT is written to it for every request.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from cronnx import Outcome
from cronnx.command_line import main
from tests.unit.cronnx.command_line.fake_server import FakeServer
from tests.unit.cronnx.command_line.test_stats import AFTER, BEFORE

DOT = bytes(64)


class DottingServer(FakeServer):
    def outcome(self, image: Any, index: int) -> Outcome[Any, Any]:
        if dots := os.environ.get("DOTS"):
            os.write(int(dots), DOT)
        return super().outcome(image, index)


if __name__ == "__main__":
    server = DottingServer()
    server.readings = [[BEFORE], [AFTER], [AFTER]]
    sys.exit(main(connect=server.connect))
