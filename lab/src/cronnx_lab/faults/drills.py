"""The faults."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cronnx import Client, CronnxError, Retry, ServerFault
from cronnx_lab.faults.drill import Drill, Inject
from cronnx_lab.faults.service import Service, in_namespace
from cronnx_server.errors import SetupError

STOPPED_S = 5.0
FULL_S, LARGER = 5.0, 8 * 2**20
LIVE_VERSION, CORRUPT_VERSION = "1", "99"

# The first argument is the folder that the model is built in.
_BUILD = """
import sys
from pathlib import Path
from cronnx_server.errors import SetupError
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import catalogue

try:
    build(catalogue()["efficientnet_lite0"], repository=Path(sys.argv[1]))
except SetupError as error:
    left = list(Path(sys.argv[1]).rglob("*.onnx*"))
    sys.exit(None if "No space left" in str(error) and not left else f"{error}; left: {left}")
sys.exit("there was space")
"""


def drills(steps: list[str], *, repository: Path) -> list[Drill]:
    """Every fault, for an ensemble of these steps in this repository; each leaves the service whole."""
    corrupt = repository / steps[-1] / CORRUPT_VERSION
    return [
        *(Drill(f"the Python process of `{step}` killed (-9)", _kill_stub(step)) for step in steps),
        Drill("`tritonserver` killed (-9)", lambda service, *_: service.server().kill()),
        Drill(f"`tritonserver` stopped (SIGSTOP) for {STOPPED_S:g} s", _stop_for_a_while),
        Drill("`scripts/serve` told to end (SIGTERM), and started again", _restart(signal.SIGTERM)),
        Drill("`scripts/serve` killed (-9), and started again", _restart(signal.SIGKILL)),
        Drill(f"`/dev/shm` full for {FULL_S:g} s", _fill_shared_memory),
        Drill(f"a corrupt version of `{steps[-1]}` written and loaded", _load_corrupt(corrupt)),
        Drill("the disk full while a model is built", _build_on_a_full_disk),
    ]


def _kill_stub(model_name: str) -> Inject:
    return lambda service, *_: service.stub_of(model_name, LIVE_VERSION).kill()


def _stop_for_a_while(service: Service, *_: object) -> None:
    server = service.server()
    server.suspend()
    time.sleep(STOPPED_S)  # the fault itself
    server.resume()


def _restart(number: signal.Signals) -> Inject:
    def inject(service: Service, *_: object) -> None:
        service.signal(number)
        service.wait()
        service.start()

    return inject


def _fill_shared_memory(service: Service, model_name: str, image: bytes) -> None:
    """While it lasts, requests come that need more of it; they are beside those that are counted."""
    filler, larger, refused = service.shared_memory / "filler", image + bytes(LARGER), 0
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
        raise SetupError("every request was answered: there was shared memory left")


def _load_corrupt(version: Path) -> Inject:
    def inject(service: Service, *_: object) -> None:
        version.mkdir()
        (version / "model.onnx").write_bytes(b"no graph")
        try:
            with Client(service.addresses.http) as client:
                client.load(version.parent.name)
        except ServerFault:
            return
        finally:
            shutil.rmtree(version)
        raise SetupError("a model that is none was loaded")

    return inject


def _build_on_a_full_disk(*_: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [*in_namespace(folder, size="1m"), sys.executable, "-c", _BUILD, folder]
        if subprocess.run(command).returncode:
            raise SetupError("a build on a full disk did not end as it should; what it said is above")
