"""Writes results files without what Windows lacks: a process of its own, from which it takes modules away."""

from __future__ import annotations

import fcntl
import os
import ssl
import sys
from types import ModuleType

import aiohttp.web  # noqa: F401 - other packages may use what the client must not
import rich.progress  # noqa: F401
import tritonclient.grpc.aio
import tritonclient.http.aio  # noqa: F401
from PIL import Image  # noqa: F401


def locking(file: int, _mode: int, _count: int) -> None:
    """Lock a file, or raise the error of Windows."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(13, "Permission denied") from error


msvcrt = ModuleType("msvcrt")
msvcrt.__dict__.update(locking=locking, LK_NBLCK=2)
sys.modules["msvcrt"] = msvcrt
sys.modules.update(dict.fromkeys(("fcntl", "grp", "posix", "pwd", "resource", "termios"), None))  # type: ignore[arg-type]
for name in ("fork", "geteuid", "getuid", "posix_fallocate", "pread", "pwrite", "register_at_fork", "uname"):
    delattr(os, name)
ssl.enum_certificates = lambda _: []  # type: ignore[attr-defined]
sys.platform = "win32"

from cronnx import Client, InvalidInput  # noqa: E402
from cronnx.command_line._coco import CocoFile  # noqa: E402
from cronnx.command_line._main import main  # noqa: E402
from cronnx.command_line._records import JsonLines  # noqa: E402
from cronnx.command_line._result_files import OutputError, ResultFile  # noqa: E402

DETECTION = {"path": "1.jpg", "model": "net", "detections": []}

with CocoFile("results.json") as coco:
    assert coco.claim("1.jpg", "net")
    coco.add(DETECTION)
    coco.finish()
print(sorted(os.listdir()))  # noqa: PTH208
with ResultFile("answers.jsonl", JsonLines()) as results:
    results.add(DETECTION)
    try:
        ResultFile("answers.jsonl", JsonLines())
    except OutputError as error:
        print(error)
try:
    Client("grpc://127.0.0.1:1", shared_memory=True)
except InvalidInput as error:
    print(error)
try:
    main(["--version"])
except SystemExit as ended:
    print(ended.code)
