"""Every link of the documentation leads somewhere, and every generated page is up to date."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cronnx_lab.document.documents import DOCS, DOCUMENTS
from cronnx_server.paths import ROOT
from tests.contract import configs
from tests.contract.configs import tracked

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
SETTING = re.compile(r"\bCRONNX_[A-Z_]+\b")


PAGES = tracked("**/*.md")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text())


def links(page: Path) -> Iterator[str]:
    yield from LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes from a page's headings."""
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
    # The tests need no network, so the hosts are not asked.
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
    files = ROOT / "deploy" / "helm" / "files"
    rules = "".join(path.read_text() for path in (files / "rules" / "alerts.yml", files / "gpu_alerts.yml"))
    alerts = {alert.lower() for alert in re.findall(r"^ *- alert: (\w+)$", rules, re.MULTILINE)}
    assert alerts
    assert alerts <= anchors(DOCS / "runbook.md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_generated_pages_are_up_to_date(path: Path) -> None:
    folders = {name: config.parent for name, config in configs.MODELS.items()}
    # Versions of Python differ in how argparse breaks lines.
    assert path.read_text().split() == DOCUMENTS[path](folders).split(), "run scripts/document"


def test_every_command_explains_its_options() -> None:
    reference = (DOCS / "configuration.md").read_text()
    commands = [path.name for path in tracked("scripts/*")]
    assert len(commands) >= 8
    for name in commands:
        (explained,) = re.findall(rf"^### scripts/{name}\n(.*?)(?=^#|\Z)", reference, re.MULTILINE | re.DOTALL)
        assert "--help" in explained


def test_every_environment_variable_of_the_project_is_in_the_reference() -> None:
    sources = [path for path in tracked("**/*.py", "scripts/*") if not path.is_relative_to(ROOT / "tests")]
    named = {name for path in sources for name in SETTING.findall(path.read_text("latin-1"))}
    assert named == set(SETTING.findall((DOCS / "configuration.md").read_text())) != set()


def test_the_description_names_every_call_once() -> None:
    paths = json.loads((DOCS / "openapi.json").read_text())["paths"]
    operations = [
        call["operationId"] for path in paths.values() for method, call in path.items() if method != "parameters"
    ]
    assert len(operations) == len(set(operations))
