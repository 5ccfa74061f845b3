"""The modules of the playground's page that only compute, run by a browser without a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Route

from cronnx._drawing import COCO_SKELETON, color_of
from cronnx._run_lengths import run_lengths
from tests import chromium

ORIGIN = "http://page.invalid"
PAGE = resources.files("cronnx.playground") / "page"
RUN = "async ([module, expression]) => new Function('module', `return ${expression}`)(await import(`/page/${module}`))"
CELLS = "(() => { const cells = []; module.eachCell(%s, %s, (cell) => cells.push(cell)); return cells; })()"

Run = Callable[[str, str], Any]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Evaluates an expression of a module of the page."""

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/page/")
        if name.endswith(".js"):
            route.fulfill(body=(PAGE / name).read_text(encoding="utf-8"), content_type="text/javascript")
        else:
            route.fulfill(body="", content_type="text/html")

    with chromium.running() as browser, chromium.tab(browser, ORIGIN) as page:
        page.route("**/*", answer)
        page.goto(ORIGIN)
        yield lambda module, expression: evaluated(page, module, expression)


def evaluated(page: Page, module: str, expression: str) -> Any:
    return page.evaluate(RUN, [module, expression])


def box(label: str, *corners: float) -> dict[str, Any]:
    return {"label": label, "class_id": 1, "score": 0.5, "box": list(corners)}


def test_a_class_has_the_same_colour_as_in_the_clients_drawings(run: Run) -> None:
    colours = run("colors.js", "Array.from({length: 300}, (_, id) => module.classColor(id))")
    assert colours == [list(color_of(class_id)) for class_id in range(300)]


def test_a_person_has_the_same_skeleton_as_in_the_clients_drawings(run: Run) -> None:
    assert run("drawing.js", "module.COCO_SKELETON") == [list(line) for line in COCO_SKELETON]


def test_a_depth_is_dark_for_the_least_and_bright_for_the_greatest(run: Run) -> None:
    assert run("colors.js", "[-1, 0, 0.5, 1, 2].map(module.heat)") == [
        [0, 0, 4],
        [0, 0, 4],
        [186, 54, 85],
        [252, 255, 164],
        [252, 255, 164],
    ]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 1])
def test_run_lengths_become_the_mask_that_they_were_made_of(run: Run, share: float) -> None:
    mask = np.random.default_rng(0).random((60, 90)) < share
    segmentation = json.dumps(run_lengths(mask, size=(90, 60)))
    assert run("run_lengths.js", CELLS % (segmentation, "{width: 90, height: 60}")) == (
        sorted(np.flatnonzero(mask).tolist(), key=lambda cell: (cell % 90, cell))
    )


def test_a_mask_of_a_large_photo_fits_a_small_grid(run: Run) -> None:
    mask = np.zeros((3000, 2000), bool)
    mask[:1500, 1000:] = True
    segmentation = json.dumps(run_lengths(mask, size=(2000, 3000)))
    assert run("run_lengths.js", "module.gridFor({width: 2000, height: 3000}, 6)") == {"width": 4, "height": 6}
    assert sorted(run("run_lengths.js", CELLS % (segmentation, "{width: 4, height: 6}"))) == [2, 3, 6, 7, 10, 11]


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1),
        ([0, 0, 10, 10], [5, 0, 15, 10], 1 / 3),
        ([0, 0, 10, 10], [10, 0, 20, 10], 0),
        ([0, 0, 10, 10], [20, 20, 30, 30], 0),
        ([5, 5, 5, 5], [5, 5, 5, 5], 0),
    ],
)
def test_the_overlap_of_two_boxes(run: Run, first: list[float], second: list[float], overlap: float) -> None:
    assert run("overlap.js", f"module.intersectionOverUnion({first}, {second})") == pytest.approx(overlap)


def test_objects_are_paired_by_class_before_overlap(run: Run) -> None:
    first = json.dumps([box("rider", 0, 0, 10, 10), box("horse", 0, 2, 10, 12), box("dog", 50, 50, 60, 60)])
    second = json.dumps([box("horse", 0, 0, 10, 10), box("rider", 0, 1, 10, 11), box("cat", 80, 80, 90, 90)])
    assert run("overlap.js", f"module.matchObjects({first}, {second})") == {
        "pairs": [
            {"first": 0, "second": 1, "overlap": pytest.approx(9 / 11)},
            {"first": 1, "second": 0, "overlap": pytest.approx(8 / 12)},
        ],
        "onlyFirst": [2],
        "onlySecond": [2],
    }


def test_objects_of_different_classes_are_paired_if_they_overlap(run: Run) -> None:
    first, second = json.dumps([box("bowl", 0, 0, 10, 10)]), json.dumps([box("saucer", 0, 0, 10, 9)])
    found = run("difference.js", f"module.compareObjects({{detections: {first}}}, {{detections: {second}}})")
    assert (found["matched"], found["onlyFirst"], found["onlySecond"]) == (1, 0, 0)
    assert [row["second"]["label"] for row in found["rows"]] == ["saucer"]


def test_a_class_that_one_answer_does_not_name_has_no_score_there(run: Run) -> None:
    first = '{top: [{label: "cup", score: 0.75}, {label: "bowl", score: 0.25}]}'
    second = '{top: [{label: "cup", score: 0.5}, {label: "plate", score: 0.5}]}'
    assert run("difference.js", f"module.compareClasses({first}, {second})") == {
        "isSameTop": True,
        "rows": [
            {"label": "cup", "first": 0.75, "second": 0.5},
            {"label": "bowl", "first": 0.25, "second": None},
            {"label": "plate", "first": None, "second": 0.5},
        ],
    }


def test_maps_agree_where_both_have_the_same_label(run: Run) -> None:
    first, second = '[{label: "sky"}, {label: "sea"}]', '[{label: "sea"}, {label: "sky"}]'
    assert run("difference.js", f"module.agreement([0, 0, 1, -1], {first}, [1, 0, 0, -1], {second})") == 0.75


def test_many_answers_have_a_count_of_equal_classes_and_median_times(run: Run) -> None:
    pairs = [
        [{"latency_ms": ms, "answer": {"top": [{"label": label}]}} for ms, label in pair]
        for pair in [((10, "cup"), (40, "cup")), ((30, "cup"), (20, "bowl")), ((20, "cup"), (60, "cup"))]
    ]
    compared = {"photos": 3, "same": 2, "medians": [20, 40]}
    assert run("difference.js", f"module.compareMany({json.dumps(pairs)})") == compared
    assert run("difference.js", "module.median([1, 2, 3, 10])") == 2.5


def test_the_cosine_is_that_of_numpy(run: Run) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 16))
    expected = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    arguments = f"{first.tolist()}, {second.tolist()}"
    assert run("vectors.js", f"module.cosine({arguments})") == pytest.approx(expected)
    assert run("vectors.js", f"module.correlation({arguments})") == pytest.approx(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize(("latency", "rest"), [(10, 4), (5, 0)])
def test_the_times_of_the_steps_and_the_rest_are_the_latency(run: Run, latency: float, rest: float) -> None:
    steps = [{"name": "decode", "queue_ms": 1, "compute_ms": 2}, {"name": "network", "queue_ms": 0, "compute_ms": 3}]
    parts = run("steps_view.js", f"module.timeParts({json.dumps({'latency_ms': latency, 'steps': steps})})")
    assert [(part["name"], part["kind"], part["time"]) for part in parts] == [
        ("decode", "queue", 1),
        ("decode", "compute", 2),
        ("network", "queue", 0),
        ("network", "compute", 3),
        ("network and rest", "rest", rest),
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"top": [{"label": "cup", "score": 0.9}, {"label": "bowl", "score": 0.1}]}, "cup, 90.0 %"),
        ({"detections": []}, "nothing found"),
        ({"detections": [{"label": each} for each in ("cup", "spoon", "cup")]}, "3 objects: 2 cup, spoon"),
        ({"detections": [{"label": each} for each in "abcd"]}, "4 objects: a, b, c …"),
        ({"classes": [{"label": "sky", "share": 0.25}]}, "sky 25.0 %"),
        ({"embedding": [0.6, 0.8]}, "2 numbers"),
        ({"depth": "data:", "minimum": 0.1234, "maximum": 12.345}, "0.123 to 12.3"),
    ],
)
def test_a_summary_says_the_answer_in_a_few_words(run: Run, answer: dict[str, Any], words: str) -> None:
    assert run("words.js", f"module.summary({json.dumps({'task': 'x', 'answer': answer})})") == words


def test_a_difference_that_rounds_to_nothing_has_no_sign(run: Run) -> None:
    signed = "[0.25, -0.25, -0.0001].map((value) => module.signed(value, module.percent))"
    assert run("words.js", signed) == ["+25.0 %", "\N{MINUS SIGN}25.0 %", "0.0 %"]


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"net_onnx/1": 0.9, "net_onnx/2": 0.1}, "1: 90 %, 2: 10 %"),
        ({"one/1": 0.995, "two/1": 0.005}, "one/1: 99.5 %, two/1: 0.5 %"),
    ],
)
def test_a_split_names_models_only_if_they_differ(run: Run, split: dict[str, float], words: str) -> None:
    assert run("words.js", f"module.splitText({json.dumps(split)})") == words


@pytest.mark.parametrize(
    ("choices", "picture"),
    [
        ([], ""),
        ([{"model": "a", "version": ""}], "documents/page.jpg"),
        ([{"model": "a&b=<i>", "version": "1"}, {"model": "c d", "version": "2"}], ""),
    ],
)
def test_an_address_is_read_as_it_was_written(run: Run, choices: list[dict[str, str]], picture: str) -> None:
    page = {"choices": choices, "picture": picture}
    assert run("address.js", f"module.readAddress(module.writeAddress({json.dumps(page)}))") == page
