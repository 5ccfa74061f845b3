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
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import np_to_triton_dtype

from tests.unit.cronnx.answers import MAX_BATCH_SIZE, DecodingError, classify, elements, raw


@dataclass
class GrpcTriton(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # tritonclient is untyped
    """A gRPC server in this process; set `infer` to change how it answers."""

    requests: list[Any] = field(default_factory=list)
    infer: Callable[[Any, grpc.ServicerContext], Any] | None = None
    is_ready: bool = True
    released: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    stop: Callable[[], object] = lambda: None

    def hang(self) -> threading.Event:
        """Answer no inference until the test is over; gives what is set when one has come."""
        entered = threading.Event()

        def infer(_request: Any, _context: grpc.ServicerContext) -> None:
            entered.set()
            self.released.wait()

        self.infer = infer
        return entered

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
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
        if request.name != "efficientnet_lite0":
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{request.name}' is not found")
        response = service_pb2.ModelConfigResponse()
        response.config.max_batch_size = MAX_BATCH_SIZE
        return response

    def ServerLive(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return service_pb2.ServerLiveResponse(live=True)

    def ServerReady(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return service_pb2.ServerReadyResponse(ready=self.is_ready)

    def ModelReady(self, request: Any, _context: grpc.ServicerContext) -> Any:
        return service_pb2.ModelReadyResponse(ready=self.is_ready and request.name == "efficientnet_lite0")


@contextlib.contextmanager
def serve_grpc() -> Iterator[GrpcTriton]:
    triton = GrpcTriton()
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(triton, server)
    triton.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    triton.stop = lambda: server.stop(None).wait()
    server.start()
    yield triton
    triton.released.set()
    triton.stop()
