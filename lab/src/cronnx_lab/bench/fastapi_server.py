"""One process of the FastAPI rival, written as an expert in Pillow, ONNX Runtime and asyncio would write it.

It runs the same graph as Triton, on one thread, because one process per core keeps all cores busy. A JPEG is decoded at
the smallest sufficient scale. One worker thread computes while the event loop reads and writes.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from PIL import Image, ImageOps

OUTPUTS = ("label", "class_id", "score", "served_by")
CROP = 0.875


def app(model: str, *, size: int) -> FastAPI:
    """Make an app with `POST /infer`: the body is an image file, the answer holds the model's outputs.

    Args:
        model: The model's file.
        size: The side of the model's input, in pixels.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    made = FastAPI()
    made.post("/infer")(_classify(session, size))
    return made


def _classify(session: onnxruntime.InferenceSession, size: int) -> Callable[[Request], Awaitable[dict[str, Any]]]:
    worker = ThreadPoolExecutor(max_workers=1)

    def classified(body: bytes) -> dict[str, Any]:
        outputs = session.run(OUTPUTS, {"pixels": pixels(body, size=size)[np.newaxis]})
        return {name: output[0].tolist() for name, output in zip(OUTPUTS, outputs, strict=True)}

    async def classify(request: Request) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(worker, classified, await request.body())

    classify.__annotations__["request"] = Request  # FastAPI cannot resolve a nested function's postponed annotation
    return classify


def pixels(body: bytes, *, size: int) -> npt.NDArray[np.uint8]:
    """Decode an image file and crop its centre: UINT8 [size, size, 3]."""
    shorter = round(size / CROP)
    file = Image.open(BytesIO(body))
    file.draft("RGB", (2 * shorter, 2 * shorter))
    image = ImageOps.exif_transpose(file).convert("RGB")
    factor = shorter / min(image.size)
    width, height = (round(side * factor) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def serve_inherited_socket(make_app: Callable[..., FastAPI]) -> None:
    """Serve on an inherited listening socket; the process's arguments are its descriptor, the model and its size."""
    descriptor, model, size = sys.argv[1:]
    config = uvicorn.Config(
        make_app(model, size=int(size)), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    serve_inherited_socket(app)
