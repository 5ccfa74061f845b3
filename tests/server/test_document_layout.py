"""A real server of the detector of page layouts."""

from __future__ import annotations

import pytest

from cronnx import Client
from cronnx_server import environment
from cronnx_server.build_models.build import PAGE
from cronnx_server.build_models.catalogue import catalogue
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from tests.server.triton import running

NAME = "document_layout"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_parts_of_a_page_are_found(protocol: str) -> None:
    with environment.setup_lock():
        names = build_missing([NAME])
    flags = ["--model-control-mode=explicit", *(f"--load-model={name}" for name in names)]
    with running([MODEL_REPOSITORY, ENSEMBLES], *flags) as addresses, Client(getattr(addresses, protocol)) as client:
        answer = client.detect(PAGE, model_name=NAME)
    assert {"title", "text", "figure"} <= {each.label for each in answer.detections}
    assert answer.served_by == catalogue()[NAME].served_by()
