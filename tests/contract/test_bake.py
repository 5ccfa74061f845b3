"""The bake file of `docker buildx`, read by an HCL parser."""

from __future__ import annotations

import re
from typing import Any

import hcl2
import pytest

from cronnx_server.paths import ROOT
from tests import containers

TEXT = (ROOT / "docker-bake.hcl").read_text()
FILE: dict[str, Any] = hcl2.loads(TEXT)


def blocks(kind: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of a kind by their names, without the parser's quotation marks."""
    return {name.strip('"'): block for each in FILE[kind] for name, block in each.items()}


TARGETS = blocks("target")
STAGES = [each.stage for each in containers.dockerfile() if each.name == "FROM"]
ARGUMENTS = {each.arguments.partition("=")[0] for each in containers.dockerfile() if each.name == "ARG"}


def merged(name: str) -> dict[str, Any]:
    """Return a target with what it inherits; arguments are merged."""
    found: dict[str, Any] = {}
    for block in (*(merged(parent) for parent in texts(TARGETS[name].get("inherits", []))), TARGETS[name]):
        found |= {**block, "args": {**found.get("args", {}), **block.get("args", {})}}
    return found


def texts(values: list[str]) -> list[str]:
    return [value.strip('"') for value in values]


def published() -> list[str]:
    return texts(blocks("group")["default"]["targets"])


@pytest.mark.parametrize("name", [name for name in TARGETS if "tags" in TARGETS[name]])
def test_a_target_builds_a_stage_with_arguments_that_the_dockerfile_has(name: str) -> None:
    target = merged(name)
    assert target["target"].strip('"') in STAGES
    assert {argument.strip('"') for argument in target["args"]} <= ARGUMENTS
    assert texts(target["platforms"]) == ["linux/amd64"]


def test_every_group_and_parent_is_a_target() -> None:
    named = [*published(), *(parent for each in TARGETS.values() for parent in texts(each.get("inherits", [])))]
    assert set(named) <= set(TARGETS)


def test_every_variable_in_use_is_declared() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", TEXT)) | set(re.findall(r"= +([A-Z_]+)$", TEXT, re.MULTILINE))
    assert used == set(blocks("variable"))


def test_what_is_published_has_nvidias_triton_an_sbom_and_provenance() -> None:
    assert published() == ["server", "tools"]
    assert merged("server")["args"]["RUNTIME"].strip('"') == "nvidia"
    for name in published():
        assert texts(merged(name)["attest"]) == ["type=sbom", "type=provenance,mode=max"]
        assert "REGISTRY" in merged(name)["tags"][0]


def test_tritons_release_of_2024_gets_no_registry() -> None:
    assert merged("laptop")["args"]["RUNTIME"].strip('"') == "cpu"
    assert texts(merged("laptop")["tags"]) == ["cronnx:cpu"]
    assert "laptop" not in published()
