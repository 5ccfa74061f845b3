"""The HTTP API in a viewer: an OpenAPI document of the loaded models, and Swagger UI with "try it"."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx import AsyncClient
from cronnx._transports.base import Json
from cronnx._transports.connection import HTTP_KEY
from cronnx.playground.models import image_task, model_configs
from cronnx.playground.openapi import description, is_described
from cronnx.playground.pass_through import is_allowed

_PAGE = Path(__file__).with_name("viewer")
_KEY = "key"
_WHAT = "The calls of the loaded models. Those that change the server are not passed on. All calls: docs/api.md."
_RESTRICTED = "/v2/repository/index"


def swagger_ui() -> Path:
    """Return the folder of Swagger UI. It is that of a package for Flask, of which nothing is imported."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("no module named flask_swagger_ui", name="flask_swagger_ui")
    return Path(spec.origin).with_name("dist")


def viewer(client: AsyncClient) -> list[BaseRoute]:
    """Return the routes of the viewer.

    Raises:
        ModuleNotFoundError: Swagger UI is not installed.
    """

    async def document(_: Request) -> Response:
        loaded = {each.name for each in await client.statistics()}
        return JSONResponse(own_document((await model_configs(client, loaded)).values()))

    return [
        Route("/api/openapi.json", document),
        Mount("/viewer/swagger", StaticFiles(directory=swagger_ui())),
        Mount("/viewer", StaticFiles(directory=_PAGE, html=True)),
    ]


def own_document(configs: Collection[Json]) -> dict[str, Any]:
    """Return the document of the calls that the playground passes on.

    Args:
        configs: The configurations of the loaded models.
    """
    models = {each["name"]: _parsed(each) for each in configs}
    image_models = [each["name"] for each in configs if image_task(each) and is_described(models[each["name"]])]
    document = description(models, image_models)
    paths = {path: _allowed(path, calls) for path, calls in document["paths"].items()}
    paths = {path: calls for path, calls in paths.items() if calls}
    paths[_RESTRICTED]["post"]["security"] = [{_KEY: []}]
    used = {tag for calls in paths.values() for call in calls.values() if "tags" in call for tag in call["tags"]}
    document["components"]["securitySchemes"] = {_KEY: {"type": "apiKey", "in": "header", "name": HTTP_KEY}}
    return {
        **document,
        "info": {**document["info"], "description": _WHAT},
        "servers": [{"url": "/", "description": "The server, through the playground."}],
        "paths": paths,
        "tags": [tag for tag in document["tags"] if tag["name"] in used],
    }


def _allowed(path: str, calls: Mapping[str, Any]) -> dict[str, Any]:
    """Return the calls of a path that are passed on, with the path's parameters; empty without such a call."""
    kept = {method: call for method, call in calls.items() if is_allowed(method.upper(), path)}
    return {name: value for name, value in calls.items() if name in kept or name == "parameters"} if kept else {}


def _parsed(config: Json) -> ModelConfig:
    return json_format.ParseDict(dict(config), ModelConfig(), ignore_unknown_fields=True)
