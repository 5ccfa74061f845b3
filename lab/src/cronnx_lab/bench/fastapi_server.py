"""A FastAPI server as one writes it who knows Pillow, ONNX Runtime and asyncio: one process of it, on one core.

The same graph as Triton's, on one thread, since a process a core keeps every core busy. A JPEG is decoded to no more
pixels than are needed. Work is done on one thread beside the event loop, which goes on reading and writing.
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
    """A server of `POST /classify`: the body is an image file, the answer has the model's outputs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    made = FastAPI()
    made.post("/classify")(_classify(session, size))
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
    """An image file's middle, UINT8 [size, size, 3]."""
    shorter = round(size / CROP)
    file = Image.open(BytesIO(body))
    file.draft("RGB", (2 * shorter, 2 * shorter))
    image = ImageOps.exif_transpose(file).convert("RGB")
    factor = shorter / min(image.size)
    width, height = (round(side * factor) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def main() -> None:
    """Serve on a socket that is inherited, listening: arguments are its descriptor, the model's file and its size."""
    descriptor, model, size = sys.argv[1:]
    config = uvicorn.Config(
        app(model, size=int(size)), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()
