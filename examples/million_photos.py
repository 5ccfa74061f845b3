"""Classify a million photos with Ray Data, on many machines and against several servers.

    pip install './client[parquet]' 'ray[data]'
    python examples/million_photos.py s3://bucket/photos s3://bucket/answers --url grpc://one:8001 --url grpc://two:8001

Each worker is a process with its own client. A client spreads its requests over all servers and skips those that do not
answer. Ray reads the photos, restarts what fails and writes Parquet files. More workers help until the servers are
busy: `cronnx stats` shows their queues.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from cronnx import Client

Batch = dict[str, Any]


class Classifier:
    """Classifies batches of photos: what Ray calls in each worker, and nothing of Ray."""

    def __init__(self, urls: list[str], model_name: str) -> None:
        self._client = Client(urls, timeout_s=60)
        self._model_name = model_name

    def __call__(self, batch: Batch) -> Batch:
        """Return the path, label, score, model version and error of each photo."""
        outcomes = list(self._client.classify_many(list(batch["bytes"]), model_name=self._model_name))
        answers = [outcome.answer for outcome in outcomes]
        return {
            "path": batch["path"],
            "label": np.array([answer.label if answer else "" for answer in answers], object),
            "score": np.array([answer.score if answer else np.nan for answer in answers]),
            "served_by": np.array([answer.served_by if answer else "" for answer in answers], object),
            "error": np.array([str(outcome.error or "") for outcome in outcomes], object),
        }


def main() -> None:
    """Run the job."""
    parser = argparse.ArgumentParser(description="Classify the photos of a folder with Ray Data.")
    parser.add_argument("photos", help="a folder, or a bucket of S3 or Google Cloud Storage")
    parser.add_argument("answers", help="the folder or bucket for the Parquet files")
    parser.add_argument("--url", action="append", required=True, help="a server; may be repeated")
    parser.add_argument("--model", default="efficientnet_lite0", help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=4, help="default: %(default)s")
    options = parser.parse_args()

    import ray  # imported here because the workers do not need it

    photos = ray.data.read_binary_files(options.photos, include_paths=True)
    answers = photos.map_batches(
        Classifier,
        fn_constructor_args=(options.url, options.model),
        batch_size=256,
        compute=ray.data.ActorPoolStrategy(size=options.workers),
        num_cpus=0,  # a worker waits for the servers; if it reserved a core, none might be left to read the photos
    )
    answers.write_parquet(options.answers)


if __name__ == "__main__":
    main()
