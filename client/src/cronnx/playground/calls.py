"""The call that the page makes, for the shell and for Python."""

from __future__ import annotations

import shlex
from urllib.parse import quote

from cronnx import ModelInfo
from cronnx._tasks import method_names
from cronnx.playground.server import Server

PHOTO = "photo.jpg"


def calls(server: Server, model: ModelInfo, version: str) -> dict[str, str | None]:
    """Return how to ask a model about a photo with curl, in Python and with `cronnx`.

    Args:
        server: The server.
        model: The model.
        version: The version to ask; empty for the live one.
    """
    return {
        "curl": _curl(server, model, version),
        "python": _python(server, model, version),
        "command": _command(server, model, version),
    }


def _curl(server: Server, model: ModelInfo, version: str) -> str | None:
    """Return None if the server has no HTTP address, or would have to run a version of an ensemble's network."""
    if server.http_url is None or (version and model.steps):
        return None
    url = (
        f"{server.http_url}/v2/models/{quote(model.name, safe='')}{f'/versions/{version}' if version else ''}/generate"
    )
    trust = f"--cacert {shlex.quote(server.ca_file)} " if server.ca_file else ""
    return (
        f"""(printf '{{"image": "'; base64 -w0 {PHOTO}; printf '"}}') |\n"""
        f"  curl -s -H 'Content-Type: application/json' -d @- {trust}{shlex.quote(url)}"
    )


def _python(server: Server, model: ModelInfo, version: str) -> str:
    urls = repr(server.url if len(server.urls) == 1 else list(server.urls))
    trust = f", tls=Tls(ca_file={server.ca_file!r})" if server.ca_file else ""
    method = method_names(model.task)[0]
    asked = f"{PHOTO!r}, model_name={model.name!r}" + (f", model_version={version!r}" if version else "")
    return (
        f"from cronnx import Client{', Tls' if trust else ''}\n\n"
        f"with Client({urls}{trust}) as client:\n"
        f"    answer = client.{method}({asked})\n"
        "    print(answer)\n"
    )


def _command(server: Server, model: ModelInfo, version: str) -> str:
    words = ["cronnx", "predict", PHOTO, "--model", model.name]
    words += ["--model-version", version] if version else []
    words += [word for url in server.urls for word in ("--url", url)]
    words += ["--ca-file", server.ca_file] if server.ca_file else []
    return shlex.join(words)
