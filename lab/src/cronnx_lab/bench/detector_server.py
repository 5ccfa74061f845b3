"""One process of the FastAPI rival for detection: OpenCV, ONNX Runtime on one thread, and numpy behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import onnxruntime
from fastapi import FastAPI, Request

from cronnx_lab.bench.fastapi_server import serve_inherited_socket
from cronnx_lab.bench.opencv_detection import postprocess, preprocess


def app(model: str, *, size: int) -> FastAPI:
    """Make an app with `POST /infer`: the body is an image file, the answer holds its detections.

    Args:
        model: The exporter's file.
        size: The side of the model's input, in pixels.
    """
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    made = FastAPI()
    made.post("/infer")(_detect(session, size))
    return made


def _detect(session: onnxruntime.InferenceSession, size: int) -> Callable[[Request], Awaitable[dict[str, Any]]]:
    worker = ThreadPoolExecutor(max_workers=1)
    (image,) = session.get_inputs()

    def detected(body: bytes) -> dict[str, Any]:
        planes, letterbox = preprocess(body, size=size)
        (raw,) = session.run(None, {image.name: planes})
        return postprocess(raw[0], letterbox).as_lists()

    async def detect(request: Request) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(worker, detected, await request.body())

    detect.__annotations__["request"] = Request  # FastAPI cannot resolve a nested function's postponed annotation
    return detect


if __name__ == "__main__":
    serve_inherited_socket(app)
