"""A server on the network: what a caller may do with and without the key, and where the key must not appear."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from cronnx import Client, CronnxError, InvalidInput, Retry, Tls
from cronnx_server.exporter.collector import read_state
from cronnx_server.paths import ROOT, VENV
from cronnx_server.serve.addresses import Addresses, free_addresses
from tests.certificates import Identity, identity
from tests.server import echo
from tests.server.conftest import ports
from tests.server.test_serve import refused
from tests.server.triton import SERVER, STUB, started_by

KEY = "the-key/of+these=tests.and~no_others"
OUTSIDE = "outside"
ONCE = Retry(attempts=1)

RESTRICTED_PATHS = (
    "repository/index",
    f"repository/models/{echo.MODEL_NAME}/load",
    f"repository/models/{echo.MODEL_NAME}/unload",
    "systemsharedmemory/status",
    "systemsharedmemory/region/any/register",
    "systemsharedmemory/unregister",
    "cudasharedmemory/status",
    "cudasharedmemory/region/any/register",
    "trace/setting",
    f"models/{echo.MODEL_NAME}/trace/setting",
    "logging",
)
RESTRICTED_CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("get_model_repository_index", {}),
    ("load_model", {"model_name": echo.MODEL_NAME}),
    ("unload_model", {"model_name": echo.MODEL_NAME}),
    ("get_system_shared_memory_status", {}),
    ("register_system_shared_memory", {"name": "any", "key": "/any", "byte_size": 1}),
    ("unregister_system_shared_memory", {}),
    ("get_cuda_shared_memory_status", {}),
    ("get_trace_settings", {}),
    ("update_trace_settings", {"settings": {"trace_level": ["OFF"]}}),
    ("get_log_settings", {}),
    ("update_log_settings", {"settings": {"log_verbose_level": 1}}),
)


@dataclass(frozen=True)
class Exposed:
    """A server on every address of this machine that needs a key, and over gRPC a certificate of the caller.

    Attributes:
        addresses: Where it listens.
        process: The running `scripts/serve`.
        own: Its certificate.
        caller: The certificate that callers over gRPC need.
        log: Its standard error.
    """

    addresses: Addresses
    process: subprocess.Popen[str]
    own: Identity
    caller: Identity
    log: Path

    @property
    def http(self) -> str:
        return self.addresses.http

    @property
    def grpc(self) -> str:
        return f"grpcs://127.0.0.1:{self.addresses.grpc_port}"

    @property
    def tls(self) -> Tls:
        return Tls(ca_file=self.own.certificate, certificate_file=self.caller.certificate, key_file=self.caller.key)

    def client(self, protocol: str, key: str | None = KEY) -> Client:
        if protocol == "http":
            return Client(self.http, key=key, retry=ONCE)
        return Client(self.grpc, key=key, retry=ONCE, tls=self.tls)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    folder = tmp_path_factory.mktemp("exposed")
    echo.write(folder / "repository")
    echo.write(folder / OUTSIDE)  # whole, and beside the repository
    (folder / "key").write_text(f"{KEY}\n")
    (folder / "key").chmod(0o600)
    own, caller, addresses = identity(folder, "server"), identity(folder, "caller"), free_addresses()
    command = [sys.executable, str(ROOT / "scripts" / "serve"), "--address=0.0.0.0", *ports(addresses)]
    command += [f"--model-repository={folder / 'repository'}"]
    command += [f"--tls-certificate={own.certificate}", f"--tls-key={own.key}", f"--tls-client-ca={caller.certificate}"]
    command += ["--", "--log-verbose=2"]
    environment, log = {**os.environ, "CRONNX_KEY_FILE": str(folder / "key")}, folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, text=True
        ) as process,
    ):
        assert process.stdout
        said = next((line for line in process.stdout if line.startswith("key")), "")
        assert str(folder / "key") in said, log.read_text()
        yield Exposed(addresses, process, own, caller, log)
        process.terminate()
        assert process.wait(timeout=60) == 0


def ask(url: str, *, body: bytes | None = None, key: str | None = None) -> tuple[int, str]:
    """Return the status and the text of the answer to a GET, or with a body, to a POST."""
    request = urllib.request.Request(url, body, {"cronnx-key": key} if key else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def call(server: Exposed, method: str, arguments: dict[str, Any], *, key: str | None = None) -> Any:
    """Call a method of NVIDIA's client over gRPC."""
    with tritonclient.grpc.InferenceServerClient(
        server.grpc.removeprefix("grpcs://"),
        ssl=True,
        root_certificates=str(server.own.certificate),
        private_key=str(server.caller.key),
        certificate_chain=str(server.caller.certificate),
    ) as client:
        headers = {"triton-grpc-protocol-cronnx-key": key} if key else {}
        return getattr(client, method)(**arguments, headers=headers)


@pytest.mark.parametrize("key", [None, "not-the-key-of-this-server"])
@pytest.mark.parametrize("path", RESTRICTED_PATHS)
def test_http_changes_nothing_without_the_key(server: Exposed, path: str, key: str | None) -> None:
    for body in (None, b"{}"):
        status, text = ask(f"{server.http}/v2/{path}", body=body, key=key)
        assert status in (403, 405) if body is None else status == 403, text
        assert KEY not in text


@pytest.mark.parametrize("key", [None, "not-the-key-of-this-server"])
@pytest.mark.parametrize(("method", "arguments"), RESTRICTED_CALLS)
def test_grpc_changes_nothing_without_the_key(
    server: Exposed, method: str, arguments: dict[str, Any], key: str | None
) -> None:
    with pytest.raises(InferenceServerException, match="is restricted, expecting header") as caught:
        call(server, method, arguments, key=key)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_requests_are_answered_without_the_key(server: Exposed, protocol: str) -> None:
    with server.client(protocol, key=None) as client:
        assert client.classify(b"picture", model_name=echo.MODEL_NAME).label == "picture"
        assert client.is_server_ready()
        assert client.model(echo.MODEL_NAME).max_batch_size == 64
        assert client.statistics()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_client_loads_models_with_the_key_and_asks_for_it_without(server: Exposed, protocol: str) -> None:
    with server.client(protocol) as client:
        client.load(echo.MODEL_NAME)
        assert [model.name for model in client.models() if model.state == "READY"] == [echo.MODEL_NAME]
    with (
        server.client(protocol, key=None) as client,
        pytest.raises(InvalidInput, match=r"restricted.*; give its key \(`key` of Client; CRONNX_KEY"),
    ):
        client.load(echo.MODEL_NAME)


def test_the_command_line_takes_the_key_from_the_environment(server: Exposed) -> None:
    command = [str(VENV / "bin" / "cronnx"), "load", echo.MODEL_NAME, f"--url={server.http}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRONNX_")}
    done = subprocess.run(command, env={**environment, "CRONNX_KEY": KEY}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    refusal = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert refusal.returncode == 1
    assert "CRONNX_KEY" in refusal.stderr
    assert KEY not in done.stdout + done.stderr


def test_the_health_check_and_the_exporter_take_the_key_from_the_environment(server: Exposed) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "healthcheck"), f"--url={server.http}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRONNX_")}
    healthy = subprocess.run(command, env={**environment, "CRONNX_KEY": KEY}, capture_output=True, text=True)
    assert healthy.returncode == 0, healthy.stdout
    refused = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "HTTP 403: This API is restricted, expecting header 'cronnx-key'" in refused.stdout
    with server.client("http") as client:
        assert read_state(client).is_ready
    with server.client("http", key=None) as client:
        assert read_state(client).is_ready


def test_the_key_is_in_no_stubs_environment_and_no_log(server: Exposed) -> None:
    with server.client("grpc") as client:
        client.load(echo.MODEL_NAME)
    (triton,) = started_by(server.process.pid, SERVER)
    assert sum(KEY in argument for argument in triton.cmdline()) == 2, "SECURITY.md says that the process list shows it"
    assert started_by(server.process.pid, STUB)
    assert not started_by(server.process.pid, STUB, KEY)
    for stub in started_by(server.process.pid, STUB):
        with contextlib.suppress(psutil.NoSuchProcess):  # that of a version which was loaded before
            assert not any(KEY in text for text in stub.environ().values())
    assert KEY not in server.log.read_text()


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    assert refused(*ports(free_addresses()), CRONNX_KEY_FILE=str(file)).endswith(f"got mode 0644; chmod 600 {file}")


def test_grpc_in_the_clear_is_not_answered(server: Exposed) -> None:
    with Client(server.grpc.replace("grpcs", "grpc"), retry=ONCE, timeout_s=5) as client:
        assert not client.is_server_live()


def test_grpc_without_a_client_certificate_is_not_answered(server: Exposed) -> None:
    with (
        Client(server.grpc, tls=Tls(ca_file=server.own.certificate), retry=ONCE, timeout_s=5) as client,
        pytest.raises(CronnxError),
    ):
        client.model(echo.MODEL_NAME)


def test_http_is_on_loopback_alone_where_grpc_is_encrypted(server: Exposed) -> None:
    (triton,) = started_by(server.process.pid, SERVER)
    listening = {each.laddr for each in triton.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
    by_port = {address.port: address.ip for address in listening}
    assert by_port[server.addresses.http_port] == "127.0.0.1"
    assert by_port[server.addresses.grpc_port] in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


NAMES = (
    f"../{OUTSIDE}/{echo.MODEL_NAME}",
    f"{echo.MODEL_NAME}/../../{OUTSIDE}/{echo.MODEL_NAME}",
    "..",
    "/etc",
    "%2e%2e",
)
CONFIG = json.dumps({"backend": "onnxruntime", "max_batch_size": 64})


@pytest.mark.parametrize("parameters", [{}, {"config": CONFIG}])
@pytest.mark.parametrize("name", NAMES)
def test_no_path_leaves_the_repository_over_http_whatever_key_it_comes_with(
    server: Exposed, name: str, parameters: dict[str, str]
) -> None:
    body = json.dumps({"parameters": parameters}).encode()
    for spelt in (name, quote(name, safe=""), quote(quote(name, safe=""), safe="")):
        status, text = ask(f"{server.http}/v2/repository/models/{spelt}/load", body=body, key=KEY)
        assert status in (400, 404, 500), text
        assert ask(f"{server.http}/v2/models/{spelt}/ready")[0] in (400, 404)
    with server.client("http") as client:
        assert {model.name for model in client.models()} == {echo.MODEL_NAME}


@pytest.mark.parametrize("name", NAMES)
def test_no_path_is_loaded_over_grpc_without_the_key(server: Exposed, name: str) -> None:
    for arguments in ({"model_name": name}, {"model_name": name, "config": CONFIG}):
        with pytest.raises(InferenceServerException, match="is restricted"):
            call(server, "load_model", arguments)


@pytest.mark.parametrize(
    "path", ["1/../../written", "../written", "/../written", "../../../../../../../../tmp/written"]
)
def test_no_file_that_comes_with_a_configuration_is_written_elsewhere(server: Exposed, path: str) -> None:
    files = {"file:1/model.onnx": echo.graph(), f"file:{path}": b"content"}
    with pytest.raises(InferenceServerException, match="failed to poll"):
        call(server, "load_model", {"model_name": "new", "config": CONFIG, "files": files}, key=KEY)


@pytest.mark.parametrize(("api", "setting"), [("logging", "log_file"), ("trace/setting", "trace_file")])
def test_no_caller_redirects_the_log_or_the_traces(server: Exposed, api: str, setting: str) -> None:
    there = server.log.parent / "written"
    status, text = ask(f"{server.http}/v2/{api}", body=json.dumps({setting: str(there)}).encode(), key=KEY)
    assert status == 501, text
    assert not there.exists()


@pytest.mark.parametrize("option", ["--tls-certificate", "--tls-key", "--tls-client-ca"])
def test_an_incomplete_tls_configuration_is_refused(option: str) -> None:
    assert "--tls-certificate and --tls-key together" in refused(f"{option}=any.pem")
