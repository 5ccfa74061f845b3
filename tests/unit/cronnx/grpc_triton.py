# ruff: noqa: N802 - the methods are named by the protocol
"""A gRPC server in this process that speaks Triton's protocol."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import np_to_triton_dtype

from tests.unit.cronnx import server_facts
from tests.unit.cronnx.answers import DecodingError, classify, elements, raw


@dataclass
class GrpcTriton(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # tritonclient is untyped
    """A gRPC server in this process; set `infer` to change how it answers."""

    requests: list[Any] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    infer: Callable[[Any, grpc.ServicerContext], Any] | None = None
    is_ready: bool = True
    released: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    stop: Callable[[], object] = lambda: None

    def hang(self) -> threading.Event:
        """Block every inference until the test ends; returns an event that is set when one has arrived."""
        entered = threading.Event()

        def infer(_request: Any, context: grpc.ServicerContext) -> None:
            context.add_callback(self.cancelled.set)  # the call has ended before it was answered
            entered.set()
            self.released.wait()

        self.infer = infer
        return entered

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        self.headers.append(dict(tuple(pair) for pair in context.invocation_metadata()))
        if self.infer:
            return self.infer(request, context)
        try:
            outputs = classify(elements(request.raw_input_contents[0]))
        except DecodingError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = service_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)
        for requested in request.outputs:
            array = outputs[requested.name]
            datatype = np_to_triton_dtype(array.dtype)
            response.outputs.add(name=requested.name, datatype=datatype, shape=array.shape)
            response.raw_output_contents.append(raw(array))
        return response

    def ModelConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(request.name, context)
        return ParseDict({"config": server_facts.CONFIG}, service_pb2.ModelConfigResponse())

    def ModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(request.name, context)
        return ParseDict(server_facts.METADATA, service_pb2.ModelMetadataResponse())

    def ModelStatistics(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(request.name or server_facts.NAME, context)
        return ParseDict({"model_stats": [server_facts.STATISTICS]}, service_pb2.ModelStatisticsResponse())

    def RepositoryIndex(self, _request: Any, context: grpc.ServicerContext) -> Any:
        self.headers.append(dict(tuple(pair) for pair in context.invocation_metadata()))
        return ParseDict({"models": server_facts.INDEX}, service_pb2.RepositoryIndexResponse())

    def RepositoryModelLoad(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.commands.append(f"load {request.model_name}")
        if request.model_name != server_facts.NAME:
            context.abort(grpc.StatusCode.INTERNAL, f"failed to load '{request.model_name}', no reason")
        return service_pb2.RepositoryModelLoadResponse()

    def RepositoryModelUnload(self, request: Any, _context: grpc.ServicerContext) -> Any:
        self.commands.append(f"unload {request.model_name}")
        return service_pb2.RepositoryModelUnloadResponse()

    def _check(self, name: str, context: grpc.ServicerContext) -> None:
        if name != server_facts.NAME:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{name}' is not found")

    def ServerLive(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return service_pb2.ServerLiveResponse(live=True)

    def ServerReady(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return service_pb2.ServerReadyResponse(ready=self.is_ready)

    def ModelReady(self, request: Any, _context: grpc.ServicerContext) -> Any:
        return service_pb2.ModelReadyResponse(ready=self.is_ready and request.name == "efficientnet_lite0")


@contextlib.contextmanager
def serve_grpc(credentials: grpc.ServerCredentials | None = None) -> Iterator[GrpcTriton]:
    triton = GrpcTriton()
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(triton, server)
    where = "127.0.0.1:0"
    port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
    triton.address = f"127.0.0.1:{port}"
    triton.stop = lambda: server.stop(None).wait()
    server.start()
    yield triton
    triton.released.set()
    triton.stop()
