"""Exports of every family are served with the answer that was planted in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cronnx_server.errors import ModelFileError
from cronnx_server.paths import PICTURES
from tests.unit.cronnx_server.exports.planted import NAMES, Array, Export, Planted
from tests.unit.cronnx_server.exports.planted_detectors import DETECTORS
from tests.unit.cronnx_server.exports.planted_others import CLASSIFIERS, COLOURS, OTHERS, UNSUPPORTED
from tests.unit.cronnx_server.exports.serving import serve

PHOTOGRAPH = (PICTURES / "coffee.jpg").read_bytes()
SECOND = (PICTURES / "chelsea.jpg").read_bytes()
EVERY = [*DETECTORS, *CLASSIFIERS, *OTHERS]
ONE_AT_A_TIME = {"yolov7_rows", "yolo_nas_flat", "torchvision", "mask_rcnn", "paddle", "ssd_rows"}
"""Their outputs are one table for all images of a batch."""
SHOWN = 0.3


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_the_planted_answer_is_served(make: Callable[[], Export], tmp_path: Path) -> None:
    export = make()
    served = serve(export.write(tmp_path / "export"), export.options, tmp_path / "repositories")
    assert served.spec.task.value == export.task
    (answer,) = served.answers(PHOTOGRAPH)
    check(answer, export)
    assert (served.max_batch_size == 1) == (export.name in ONE_AT_A_TIME)
    if served.max_batch_size > 1:
        second = SECOND if served.spec.recipe.height else PHOTOGRAPH
        check_same(served.tensors(PHOTOGRAPH, second), served.tensors(PHOTOGRAPH), served.tensors(second))


@pytest.mark.parametrize("make", UNSUPPORTED, ids=lambda make: make.__name__)
def test_an_export_of_another_task_is_refused_with_an_option(make: Callable[[], Export], tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"--(raw|task|labels|input)"):
        serve(make().write(tmp_path / "export"), (), tmp_path / "repositories")


def check(answer: Any, export: Export) -> None:
    """Compare an answer with the planted one, in the way of its task."""
    if export.objects:
        check_detections(answer.detections, export)
    elif export.task in ("classification", "multi_label"):
        check_scores(answer.top, export.outputs["scores"])
    elif export.task == "semantic_segmentation":
        expected = export.outputs["class_map"]
        assert answer.class_map.shape == expected.shape
        assert np.mean(answer.class_map == expected) >= 0.99
    elif export.task == "embedding":
        assert answer.vector @ export.outputs["embedding"] >= 0.999
    else:
        expected = export.outputs["depth"]
        assert answer.depth.shape == expected.shape
        assert np.mean(np.abs(answer.depth - expected) / expected) <= 0.01


def check_detections(found: Sequence[Any], export: Export) -> None:
    labels = NAMES if export.name != "ultraface" else ("face",)
    assert [each.label for each in found if each.score >= SHOWN] == [labels[o.class_id] for o in export.objects]
    for row, (each, planted) in enumerate(zip(found, export.objects, strict=False)):
        assert each.score == pytest.approx(planted.score, abs=0.02)
        assert overlap(each.box, planted) >= 0.98
        for name in ("keypoints", "corners"):
            if name in export.outputs:
                assert distance(getattr(each, name), export.outputs[name][row]) <= 1
        if "mask" in export.outputs:
            expected = export.outputs["mask"][row]
            mask = each.mask
            assert (mask & expected).sum() / (mask | expected).sum() >= 0.95


def check_scores(found: Sequence[Any], expected: Array) -> None:
    best = np.argsort(-expected)[: len(found)]
    assert found[0].label == COLOURS[best[0]]
    for each in found:
        assert each.score == pytest.approx(expected[each.class_id], abs=0.02)


def check_same(together: dict[str, Array], *alone: dict[str, Array]) -> None:
    """Compare the outputs for a batch with those for each picture alone."""
    for name, rows in together.items():
        for row, single in zip(rows, alone, strict=True):
            if row.dtype.kind == "f":
                np.testing.assert_allclose(row, single[name][0], atol=0.02)
            else:
                np.testing.assert_array_equal(row, single[name][0])


def overlap(box: Sequence[float], planted: Planted) -> float:
    """The intersection over union of two boxes."""
    a, b = np.reshape(box, (2, 2)), np.reshape(planted.box, (2, 2))
    sides = np.maximum(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0)
    both = sides.prod()
    return float(both / ((a[1] - a[0]).prod() + (b[1] - b[0]).prod() - both))


def distance(found: Any, expected: Array) -> float:
    """The largest distance of a value; corners may begin at any one."""
    points = np.asarray(found)
    return float(min(np.abs(np.roll(points, turn, axis=0) - expected).max() for turn in range(len(points))))
