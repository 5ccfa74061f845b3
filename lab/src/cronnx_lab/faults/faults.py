"""The faults, and how each is caused."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cronnx import Client, CronnxError, Retry, ServerFault
from cronnx_lab.errors import MeasurementError
from cronnx_lab.faults.service import Service, in_namespace

STOPPED_S = 5.0
FULL_S, EXTRA_BYTES = 5.0, 8 * 2**20
LIVE_VERSION, CORRUPT_VERSION = "1", "99"

# The first argument is the folder to build the model in.
_BUILD = """
import sys
from pathlib import Path
from cronnx_server.errors import CommandError
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import catalogue

try:
    build(catalogue()["efficientnet_lite0"], repository=Path(sys.argv[1]))
except CommandError as error:
    left = list(Path(sys.argv[1]).rglob("*.onnx*"))
    sys.exit(None if "No space left" in str(error) and not left else f"{error}; left: {left}")
sys.exit("expected a full disk, got space")
"""


Cause = Callable[[Service, str, bytes], None]
"""Causes a fault in a service, given the model and the image that callers send to it."""


@dataclass(frozen=True)
class Fault:
    """A fault, by name, and the function that causes it."""

    name: str
    cause: Cause


def faults(steps: list[str], *, repository: Path) -> list[Fault]:
    """Every fault for an ensemble with these steps in this repository; after each the service runs again."""
    corrupt = repository / steps[-1] / CORRUPT_VERSION
    return [
        *(Fault(f"the Python process of `{step}` killed (-9)", _kill_stub(step)) for step in steps),
        Fault("`tritonserver` killed (-9)", lambda service, *_: service.server().kill()),
        Fault(f"`tritonserver` suspended (SIGSTOP) for {STOPPED_S:g} s", _stop_for_a_while),
        Fault("`scripts/serve` ended (SIGTERM) and started again", _restart(signal.SIGTERM)),
        Fault("`scripts/serve` killed (-9) and started again", _restart(signal.SIGKILL)),
        Fault(f"`/dev/shm` full for {FULL_S:g} s", _fill_shared_memory),
        Fault(f"a corrupt version of `{steps[-1]}` written and loaded", _load_corrupt(corrupt)),
        Fault("the disk full while a model is built", _build_on_a_full_disk),
    ]


def _kill_stub(model_name: str) -> Cause:
    return lambda service, *_: service.stub_of(model_name, LIVE_VERSION).kill()


def _stop_for_a_while(service: Service, *_: object) -> None:
    server = service.server()
    server.suspend()
    time.sleep(STOPPED_S)  # the fault itself
    server.resume()


def _restart(number: signal.Signals) -> Cause:
    def cause(service: Service, *_: object) -> None:
        service.signal(number)
        service.wait()
        service.start()

    return cause


def _fill_shared_memory(service: Service, model_name: str, image: bytes) -> None:
    """Fill it, and send requests that need more of it, which are not counted."""
    filler, larger, refused = service.shared_memory / "filler", image + bytes(EXTRA_BYTES), 0
    with filler.open("wb", buffering=0) as file, Client(service.addresses.http, retry=Retry(attempts=1)) as client:
        with contextlib.suppress(OSError):  # full
            while True:
                file.write(bytes(2**16))
        until_s = time.monotonic() + FULL_S  # the fault itself
        while time.monotonic() < until_s:
            try:
                client.classify(larger, model_name=model_name)
            except CronnxError:
                refused += 1
    filler.unlink()
    if not refused:
        raise MeasurementError("expected refused requests while /dev/shm was full, got answers to all")


def _load_corrupt(version: Path) -> Cause:
    def cause(service: Service, *_: object) -> None:
        version.mkdir()
        (version / "model.onnx").write_bytes(b"no graph")
        try:
            with Client(service.addresses.http) as client:
                client.load(version.parent.name)
        except ServerFault:
            return
        finally:
            shutil.rmtree(version)
        raise MeasurementError("expected a load error for a corrupt model, got a loaded model")

    return cause


def _build_on_a_full_disk(*_: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [*in_namespace(folder, size="1m"), sys.executable, "-c", _BUILD, folder]
        if subprocess.run(command).returncode:
            raise MeasurementError("expected a build on a full disk to fail and leave nothing; its output is above")
