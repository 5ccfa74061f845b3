"""A client that does a detector's work itself: it sends pixels as FP32 to the raw graph and suppresses boxes in numpy.

`python -m cronnx_lab.bench.detector_client` reads an Order and writes Answers, both as JSON, like the load generator.
Ultralytics' own client of Triton works like this: `ultralytics/utils/triton.py`.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import cv2
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from cronnx_lab.bench.opencv_detection import postprocess, preprocess
from cronnx_lab.load.answers import OK, Answer, Answers, Order


class RawDetector:
    """A raw graph `images` FP32 [1, 3, size, size] -> `output0` on a Triton server."""

    def __init__(self, address: str, model: str, *, size: int) -> None:
        self._client, self._model, self._size = InferenceServerClient(address), model, size

    def detect(self, file: bytes) -> None:
        """Detect the objects of one image file."""
        planes, letterbox = preprocess(file, size=self._size)
        images = InferInput("images", list(planes.shape), "FP32").set_data_from_numpy(planes)
        result = self._client.infer(self._model, [images], outputs=[InferRequestedOutput("output0")])
        postprocess(result.as_numpy("output0")[0], letterbox)


def generate(order: Order, *, model: str, size: int) -> Answers:
    """Keep `concurrency` photographs in flight, each on a thread and a connection of its own.

    Args:
        order: The load; its requests are image files.
        model: The name of the raw graph.
        size: The side of its input, in pixels.
    """
    files = itertools.cycle([Path(path).read_bytes() for path in order.requests])
    ((host, port),) = order.addresses
    started_at, lock, cpu_s = time.perf_counter(), threading.Lock(), time.process_time()

    def work(_number: int) -> list[Answer]:
        detector, answers = RawDetector(f"{host}:{port}", model, size=size), []
        while (sent_at := time.perf_counter() - started_at) < order.seconds:
            with lock:
                file = next(files)
            detector.detect(file)
            answers.append((sent_at, time.perf_counter() - started_at, OK))
        return answers

    with ThreadPoolExecutor(order.concurrency) as threads:
        answers = list(itertools.chain.from_iterable(threads.map(work, range(order.concurrency))))
    return Answers(answers, cpu_s=time.process_time() - cpu_s)


def main() -> int:
    """Generate the load that standard input orders; the arguments are the model and its input size."""
    model, size = sys.argv[1:]
    cv2.setNumThreads(1)
    json.dump(asdict(generate(Order(**json.load(sys.stdin)), model=model, size=int(size))), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
