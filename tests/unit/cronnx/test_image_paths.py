from __future__ import annotations

import os
from pathlib import Path

import pytest

from cronnx import _image_paths
from cronnx._image_paths import image_paths


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*paths: str) -> None:
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(*arguments: str) -> tuple[list[str], list[str]]:
    complaints: list[str] = []
    return list(image_paths(arguments, report=complaints.append)), complaints


def test_a_file_is_itself_whatever_its_suffix_and_even_where_it_is_missing() -> None:
    assert found("./notes.txt", "missing.jpg") == (["./notes.txt", "missing.jpg"], [])


def test_a_folder_is_all_images_below_it_in_order() -> None:
    touch("in/b/2.png", "in/b/1.JPG", "in/c.webp", "in/a.jpeg", "in/notes.txt", "in/b/.hidden")
    assert found("in") == (["in/a.jpeg", "in/b/1.JPG", "in/b/2.png", "in/c.webp"], [])


def test_a_large_folder_is_read_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    touch(*(f"in/{number}.jpg" for number in range(100, 110)), "in/105/x.jpg")
    names = sorted(each.name for each in Path("in").iterdir())
    expected = [f"in/{name}/x.jpg" if name == "105" else f"in/{name}" for name in names]
    for at_once in (1, 2, 3, 11, 12):
        monkeypatch.setattr(_image_paths, "NAMES_AT_ONCE", at_once)
        assert found("in") == (expected, [])


def test_a_link_to_a_folder_is_not_followed() -> None:
    touch("in/a.jpg")
    Path("in/loop").symlink_to(".")
    assert found("in") == (["in/a.jpg"], [])


def test_a_link_to_an_image_is_an_image_and_a_broken_link_is_not() -> None:
    touch("a.jpg", "in/z.jpg")
    Path("in/linked.jpg").symlink_to("../a.jpg")
    Path("in/broken.jpg").symlink_to("nowhere.jpg")
    assert found("in") == (["in/linked.jpg", "in/z.jpg"], [])


def test_a_folder_without_images_is_reported() -> None:
    touch("in/notes.txt")
    assert found("in") == ([], ["in: no image in this folder; skipped 1 other file (.txt)"])


def test_a_pattern_is_expanded() -> None:
    touch("2.jpg", "1.jpg", "deep/3.jpg", "notes.txt")
    assert found("*.jpg") == (["1.jpg", "2.jpg"], [])
    assert found("**/*.jpg") == (["1.jpg", "2.jpg", "deep/3.jpg"], [])


def test_a_pattern_that_matches_a_folder_finds_the_images_below_it_once() -> None:
    touch("a1/x.jpg", "a2/b/y.jpg")
    assert found("a*") == (["a1/x.jpg", "a2/b/y.jpg"], [])
    assert found("a2/**") == (["a2/b/y.jpg"], [])


def test_a_pattern_without_a_match_is_reported() -> None:
    assert found("*.jpg") == ([], ["*.jpg: no image matches"])


def test_a_file_whose_name_looks_like_a_pattern_is_the_file() -> None:
    touch("[1].jpg", "1.jpg")
    assert found("[1].jpg") == (["[1].jpg"], [])


def test_a_folder_that_cannot_be_read_is_reported_and_the_others_continue() -> None:
    touch("in/a/1.jpg", "in/b/2.jpg")
    paths = image_paths(["in"], report=(complaints := list[str]()).append)
    assert next(paths) == "in/a/1.jpg"
    Path("in/b/2.jpg").unlink()
    Path("in/b").rmdir()
    assert list(paths) == []
    assert complaints == ["in/b: cannot read this folder: No such file or directory"]


def test_odd_names_are_unchanged() -> None:
    name = os.fsdecode(b'in/\xff"new\nline.jpg')
    touch(name)
    assert found("in") == ([name], [])


def test_an_address_is_not_a_pattern() -> None:
    assert found("https://example.com/cat.jpg?width=[3]*") == (["https://example.com/cat.jpg?width=[3]*"], [])


def test_what_a_folder_has_besides_images_is_said() -> None:
    touch("in/a.jpg", "in/notes.txt", "in/b/more.TXT", "in/b/Makefile", "in/Makefile", "in/b/more.txt")
    Path("in/loop").symlink_to(".")
    notes: list[str] = []
    assert list(image_paths(["in"], report=pytest.fail, note=notes.append)) == ["in/a.jpg"]
    assert notes == ["in: skipped 5 other files (.txt, no suffix) and 1 link to a folder"]


def test_what_is_skipped_is_counted_once_in_a_folder_that_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("in/a.jpg", "in/b.jpg", "in/c.jpg", "in/notes.txt")
    monkeypatch.setattr(_image_paths, "NAMES_AT_ONCE", 1)
    notes: list[str] = []
    assert len(list(image_paths(["in"], report=pytest.fail, note=notes.append))) == 3
    assert notes == ["in: skipped 1 other file (.txt)"]
