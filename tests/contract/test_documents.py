"""That the documentation leads where it says, and that what is made of the source is as new as the source."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cronnx_lab.document.configuration import command_helps
from cronnx_lab.document.documents import DOCS, DOCUMENTS
from cronnx_server.paths import ROOT

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
SETTING = re.compile(r"\bCRONNX_[A-Z_]+\b")


def committed(*patterns: str) -> list[Path]:
    """Files that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


PAGES = committed("*.md")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text())


def links(page: Path) -> Iterator[str]:
    yield from LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    texts = (LINK.sub(lambda link: link[0][1:].partition("]")[0], text) for text in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def is_there(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return file.exists() and file.is_relative_to(ROOT) and (not anchor or anchor in anchors(file))


@every_page
def test_every_relative_link_and_anchor_is_there(page: Path) -> None:
    relative = [target for target in links(page) if not urlsplit(target).scheme]
    assert [target for target in relative if not is_there(page, target)] == []


@every_page
def test_every_other_link_is_to_a_named_host_by_https(page: Path) -> None:
    # Whether it is still there is not asked: the tests need no web.
    others = [urlsplit(target) for target in links(page) if urlsplit(target).scheme]
    assert [each.geturl() for each in others if each.scheme != "https" or "." not in each.netloc] == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = ROOT / "docs" / "models.md"
    assert is_there(page, "#versions")
    assert is_there(page, "../README.md#start")
    assert not is_there(page, "#no-such-heading")
    assert not is_there(page, "no_such_page.md")
    assert not is_there(page, str(tmp_path))


def test_the_index_leads_to_every_page_in_docs() -> None:
    index = DOCS / "README.md"
    named = {(DOCS / target.partition("#")[0]).resolve() for target in links(index)}
    assert [page for page in PAGES if page.is_relative_to(DOCS) and page not in {*named, index}] == []


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "rules" / "alerts.yml").read_text()
    alerts = {alert.lower() for alert in re.findall(r"^ *- alert: (\w+)$", rules, re.MULTILINE)}
    assert alerts
    assert alerts <= anchors(DOCS / "runbook.md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_made_of_the_source_is_current(path: Path) -> None:
    # How argparse breaks its lines differs between versions of Python; what it says does not.
    assert path.read_text().split() == DOCUMENTS[path]().split(), "run scripts/document"


def test_every_command_explains_its_options() -> None:
    helps = command_helps(ROOT / "scripts")
    assert len(helps) >= 8
    assert all("--help" in text for text in helps.values())


def test_every_environment_variable_of_the_project_is_in_the_reference() -> None:
    sources = committed("*.py", "scripts/*")
    named = {
        name for path in sources if "tests" not in path.parts for name in SETTING.findall(path.read_text("latin-1"))
    }
    assert named == set(SETTING.findall((DOCS / "configuration.md").read_text())) != set()


def test_the_description_names_every_call_once() -> None:
    paths = json.loads((DOCS / "openapi.json").read_text())["paths"]
    operations = [
        call["operationId"] for path in paths.values() for method, call in path.items() if method != "parameters"
    ]
    assert len(operations) == len(set(operations))
