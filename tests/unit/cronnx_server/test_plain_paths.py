from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import SetupError
from cronnx_server.plain_paths import PLAIN, plain


def test_a_plain_path_is_itself_and_needs_no_link(tmp_path: Path) -> None:
    assert plain(Path("/srv/models-2/a_b"), links=tmp_path / "links", root=tmp_path) == "/srv/models-2/a_b"
    assert not (tmp_path / "links").exists()


@pytest.mark.parametrize("name", ["my folder", "d\xe9p\xf4t", "$(touch ran)", "a;b", "a&b", "it's", "~", "a\nb", "*"])
def test_any_other_folder_is_reached_over_a_plain_link_from_the_projects_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for _ in range(2):
        link = plain(folder, links=tmp_path / "links", root=tmp_path)
        assert PLAIN.fullmatch(link)
        assert (tmp_path / link).samefile(folder)


def test_two_folders_have_two_links(tmp_path: Path) -> None:
    links = {plain(tmp_path / name, links=tmp_path / "links", root=tmp_path) for name in ("a b", "a  b")}
    assert len(links) == 2


def test_a_link_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "links").touch()
    with pytest.raises(SetupError, match=r"cannot write .*links/.*: File exists"):
        plain(tmp_path / "a b", links=tmp_path / "links", root=tmp_path)
