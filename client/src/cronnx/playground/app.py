"""The routes of the playground: the page, and the JSON that it asks for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cronnx import AsyncClient, CronnxError, ModelInfo, StepInfo
from cronnx._answers import upright_size
from cronnx._models import NEWEST
from cronnx._transports.connection import HTTP_KEY
from cronnx.playground.access import Access
from cronnx.playground.answers import answer_json
from cronnx.playground.bodies import body
from cronnx.playground.calls import calls
from cronnx.playground.errors import client_error, fault, http_error
from cronnx.playground.models import model_configs, model_index, models_json
from cronnx.playground.pass_through import PassThrough
from cronnx.playground.pictures import Pictures
from cronnx.playground.server import Connect, Server
from cronnx.playground.statistics import RequestRates, times_since
from cronnx.playground.viewer import viewer

PAGE = Path(__file__).with_name("page")


@dataclass(frozen=True)
class Settings:
    """What a playground shows.

    Attributes:
        server: The server that it asks.
        host: The name or the address that it listens on.
        pictures: A folder of photos to offer; None for none.
    """

    server: Server
    host: str = "127.0.0.1"
    pictures: Path | None = None


def playground(settings: Settings, connect: Connect | None = None) -> Starlette:
    """Return the app.

    The app has no key. What a caller's key permits is asked with a client of its own, which is closed with the answer.

    Args:
        settings: What it shows.
        connect: Makes the clients; None for clients of the settings' server.

    Raises:
        InvalidInput: The server cannot be asked so.
        ModuleNotFoundError: A part of the extra is not installed.
    """
    connect = connect or settings.server.connect
    client = connect(None)
    routes = Routes(settings, connect, client)
    pass_through, pictures = PassThrough(settings.server), Pictures(settings.pictures)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield
        await pass_through.close()

    return Starlette(
        routes=[
            Route("/", routes.index),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/pictures", pictures.list),
            Route("/pictures/{name:path}", pictures.picture),
            Route("/api/server", routes.server),
            Route("/api/models", routes.models),
            Route("/api/infer", routes.infer, methods=["POST"]),
            Route("/api/calls", routes.calls),
            *viewer(client),
            Route("/v2{rest:path}", pass_through.call, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        middleware=[Middleware(Access, host=settings.host)],
        exception_handlers={CronnxError: client_error, HTTPException: http_error, Exception: fault},
        lifespan=lifespan,
    )


class Routes:
    """The routes that ask the server."""

    def __init__(self, settings: Settings, connect: Connect, client: AsyncClient) -> None:
        """Answer with a client; see `playground` for the others."""
        self._settings = settings
        self._connect = connect
        self._client = client
        self._rates = RequestRates()

    async def index(self, _: Request) -> Response:
        """Answer with the page."""
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    async def server(self, request: Request) -> Response:
        """Say whether the server answers."""
        state = {"url": self._settings.server.url, "live": False, "ready": False, "needs_key": False, "error": None}
        try:
            loaded = await self._client.statistics()
            async with self._with_key_of(request) as client:
                _, needs_key = await model_index(client, loaded)
        except CronnxError as error:
            return JSONResponse({**state, "live": await self._client.is_server_live(), "error": str(error)})
        ready = await self._client.is_server_ready()
        return JSONResponse({**state, "live": True, "ready": ready, "needs_key": needs_key})

    async def models(self, request: Request) -> Response:
        """List the models."""
        statistics = await self._client.statistics()
        async with self._with_key_of(request) as client:
            index, needs_key = await model_index(client, statistics)
        configs = await model_configs(self._client, (each.name for each in index if each.state == "READY"))
        listed = models_json(index, configs, self._rates.after(statistics))
        return JSONResponse({"models": listed, "needs_key": needs_key})

    async def infer(self, request: Request) -> Response:
        """Answer for one image."""
        model_name, version = _model_of(request)
        image = await body(request)
        info = await self._client.model(model_name)
        before = await self._client.statistics()
        start = time.perf_counter()
        answer = await self._client.predict(image, model_name=model_name, model_version=version)
        latency_ms = (time.perf_counter() - start) * 1000
        times = await times_since(before, self._client.statistics, model_name, _steps_that_run(info, version))
        width, height = upright_size(image)
        return JSONResponse(
            {
                "model": model_name,
                "version": version or None,
                "task": info.task,
                "served_by": answer.served_by,
                "latency_ms": latency_ms,
                "server_ms": times.server_ms,
                "steps": [asdict(step) for step in times.steps],
                "image": {"width": width, "height": height},
                "answer": await asyncio.to_thread(answer_json, answer),
            }
        )

    async def calls(self, request: Request) -> Response:
        """Show how to make the same call without the page."""
        model_name, version = _model_of(request)
        info = await self._client.model(model_name)
        return JSONResponse(calls(self._settings.server, info, version))

    @contextlib.asynccontextmanager
    async def _with_key_of(self, request: Request) -> AsyncIterator[AsyncClient]:
        """A client with the key of a request, if it has one."""
        key = request.headers.get(HTTP_KEY)
        if not key:
            yield self._client
            return
        async with self._connect(key) as client:
            yield client


def _model_of(request: Request) -> tuple[str, str]:
    """Return the model and the version that a request names; the version may be empty."""
    name = request.query_params.get("model", "")
    if not name:
        raise HTTPException(400, "model: expected the name of a model, got none; add ?model=NAME")
    return name, request.query_params.get("version", "")


def _steps_that_run(info: ModelInfo, version: str) -> list[StepInfo]:
    """Return the steps of a model with the version that was asked for; the model itself if it is no ensemble."""
    if not info.steps:
        return [StepInfo(info.name, version or NEWEST)]
    return [
        step if step.model_version == NEWEST or not version else StepInfo(step.model_name, version)
        for step in info.steps
    ]
