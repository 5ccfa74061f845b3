from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import TensorProto, checker, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.semantic_segmentation import add_semantic_segmentation_head
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task

Array = npt.NDArray[Any]
HEIGHT, WIDTH = 64, 96
STRETCHED = (50, 40, WIDTH / 50, HEIGHT / 40, 0, 0)
LETTERBOXED = (1000, 500, 0.096, 0.096, 0, 8)
CROPPED = (700, 900, 96 / 700, 96 / 700, 0, -29.7)
SMALL = (3, 2, 32, 32, 0, 0)
ODD_SIZE = (75, 131)
ODD_STRETCHED = (51, 39, 131 / 51, 75 / 39, 0, 0)
ODD_LETTERBOXED = (101, 53, 131 / 101, 131 / 101, 0, (75 - 53 * 131 / 101) / 2)
ODD_CROPPED = (73, 91, 131 / 73, 131 / 73, 0, (75 - 91 * 131 / 73) / 2)
"""The pictures extend beyond the image, which shows a part of their height."""


def class_map(
    logits: Array, geometries: Sequence[tuple[float, ...]], *, opset: int = 17, size: tuple[int, int] = (HEIGHT, WIDTH)
) -> Array:
    """The class map of the head for the logits [batch, classes, h, w] of a network's images of this size."""
    classes, height, width = logits.shape[1:]
    spec = ModelSpec(
        task=Task.SEMANTIC_SEGMENTATION,
        output_format="class_logits",
        outputs=("logits",),
        labels=tuple(map(str, range(classes))),
        recipe=Recipe(height=size[0], width=size[1]),
        input=NetworkInput(name="image"),
    )
    inputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes, height, width]),
        helper.make_tensor_value_info("geometry", TensorProto.FLOAT, ["batch", 6]),
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", *size, 3]),
    ]
    graph = GraphBuilder(opset=opset)
    outputs = add_semantic_segmentation_head(graph, spec, inputs[:1])
    opsets = [helper.make_opsetid("", opset)]
    made = helper.make_graph(graph.nodes, "head", inputs, outputs, graph.constants)
    model = helper.make_model(made, opset_imports=opsets, ir_version=8)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {
        "logits": logits,
        "geometry": np.array(geometries, np.float32),
        "pixels": np.zeros((len(logits), *size, 3), np.uint8),
    }
    found: Array = session.run(["class_map"], feeds)[0]
    return found


def best_class(logits: Array, geometry: tuple[float, ...], *, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Array:
    """The best class at each point of the grid in the photograph, [y, x], of logits [classes, h, w].

    A single class is there where it is above 0.
    """
    values = interpolated(logits, geometry, size=size)
    return values[0] > 0 if len(logits) == 1 else values.argmax(axis=0)


def interpolated(logits: Array, geometry: tuple[float, ...], *, size: tuple[int, int]) -> Array:
    """Logits [classes, h, w] at each point of the grid in the photograph, [classes, y, x]."""
    values = logits.astype(np.float64)
    for axis, (photo, factor, pad) in enumerate(np.reshape(geometry, (3, 2)).T):
        along, image = 2 - axis, size[1 - axis]
        grid, samples = max(image, 640), logits.shape[along]
        points = (np.arange(min(int(photo), grid)) + 0.5) / min(grid / photo, 1)
        at = (points * factor + pad) * samples / image - 0.5
        values = np.apply_along_axis(partial(np.interp, at, np.arange(samples)), along, values)
    return values


def random_logits(batch: int, *shape: int) -> Array:
    return np.random.default_rng(seed=1).normal(size=(batch, *shape)).astype(np.float32)


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("geometry", [STRETCHED, LETTERBOXED, CROPPED, SMALL])
def test_each_point_has_the_class_of_the_largest_interpolated_logit(geometry: tuple[float, ...], opset: int) -> None:
    logits = random_logits(1, 3, 16, 24)
    expected = best_class(logits[0], geometry)
    found = class_map(logits, [geometry], opset=opset)
    assert found.shape == (1, 640, 640)
    assert np.mean(found[0, : expected.shape[0], : expected.shape[1]] == expected) > 0.999


@pytest.mark.parametrize("classes", [1, 2, 19, 256, 257])
@pytest.mark.parametrize("geometry", [ODD_STRETCHED, ODD_LETTERBOXED, ODD_CROPPED])
def test_each_point_has_the_best_of_any_number_of_classes(geometry: tuple[float, ...], classes: int) -> None:
    logits = random_logits(1, classes, 17, 23)
    expected = best_class(logits[0], geometry, size=ODD_SIZE)
    (found,) = class_map(logits, [geometry], size=ODD_SIZE)
    assert found.dtype == (np.uint8 if classes <= 256 else np.int32)
    assert found.shape == (640, 640)
    assert expected.shape == (geometry[1], geometry[0])
    assert np.mean(found[: expected.shape[0], : expected.shape[1]] == expected) > 0.999


def test_a_class_that_is_best_only_between_logits_is_found() -> None:
    """Halfway between the logits 10, 0, 6 and 0, 10, 6 of three classes are 5, 5, 6."""
    logits = np.array([[[[10, 0]], [[0, 10]], [[6, 6]]]], np.float32)
    (found,) = class_map(logits, [(WIDTH, HEIGHT, 1, 1, 0, 0)])
    assert np.unique(found).tolist() == [0, 1, 2]


@pytest.mark.parametrize("shape", [(24, 16), (1, 16), (24, 1), (1, 1)])
def test_classes_that_are_best_in_few_places_are_found_there(shape: tuple[int, int]) -> None:
    logits = regions_of_classes(40, *shape)
    expected = best_class(logits[0], STRETCHED)
    (found,) = class_map(logits, [STRETCHED])
    assert np.mean(found[: expected.shape[0], : expected.shape[1]] == expected) > 0.999


def regions_of_classes(classes: int, height: int, width: int) -> Array:
    """Logits of a picture of three classes with sharp borders: most classes are best nowhere, some between logits."""
    rng = np.random.default_rng(seed=1)
    logits = rng.normal(-5, 2, size=(classes, height, width))
    regions = rng.choice(classes, 3)[rng.integers(0, 3, size=(height, width))]
    np.put_along_axis(logits, regions[None], 8, axis=0)
    return logits[None].astype(np.float32)


def test_a_class_that_is_ruled_out_everywhere_is_not_interpolated() -> None:
    """A weight of 0 times minus infinity would be no number."""
    logits = random_logits(1, 3, 16, 24)
    without = class_map(logits, [STRETCHED])
    ruled_out = np.full((1, 1, 16, 24), -np.inf, np.float32)
    np.testing.assert_array_equal(class_map(np.concatenate([logits, ruled_out], axis=1), [STRETCHED]), without)


def test_logits_that_are_no_numbers_still_get_a_map() -> None:
    assert class_map(np.full((1, 3, 4, 4), np.nan, np.float32), [STRETCHED]).shape == (1, 640, 640)


def test_a_grid_need_not_be_whole_windows() -> None:
    size, geometry, logits = (650, 700), (700, 650, 1, 1, 0, 0), random_logits(1, 3, 9, 8)
    (found,) = class_map(logits, [geometry], size=size)
    assert found.shape == size
    assert np.mean(found == best_class(logits[0], geometry, size=size)) > 0.999


def test_other_photographs_of_other_sizes_in_a_batch_change_nothing() -> None:
    geometries = [STRETCHED, LETTERBOXED, CROPPED, SMALL]
    logits = np.concatenate([random_logits(2, 40, 16, 24), *[regions_of_classes(40, 16, 24)] * 2])
    together = class_map(logits, geometries)
    for image, (width, height, *_) in enumerate(geometries):
        alone = class_map(logits[image : image + 1], [geometries[image]])
        inside = np.s_[: int(min(height, 640)), : int(min(width, 640))]
        np.testing.assert_array_equal(together[image][inside], alone[0][inside])


def test_beyond_a_photograph_that_fills_the_image_the_map_has_the_class_at_the_edge() -> None:
    found = class_map(random_logits(1, 3, 16, 24), [STRETCHED])[0]
    np.testing.assert_array_equal(found[40:], np.broadcast_to(found[39], (600, 640)))
    np.testing.assert_array_equal(found[:, 50:], np.broadcast_to(found[:, 49:50], (640, 590)))


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_a_geometry_that_places_nothing_still_gets_a_map(value: float) -> None:
    assert class_map(random_logits(2, 3, 4, 4), [(value,) * 6, STRETCHED]).shape == (2, 640, 640)
