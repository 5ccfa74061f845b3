"""Grafana's dashboard and data source, without Grafana; tests/server/test_metrics.py runs every query."""

from __future__ import annotations

import json
import re

from cronnx_server.paths import ROOT

FOLDER = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((FOLDER / "dashboards" / "triton_models.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def test_every_query_goes_to_the_data_source_that_is_provisioned() -> None:
    provisioned = (FOLDER / "provisioning" / "datasources" / "prometheus.yml").read_text()
    (uid,) = re.findall(r"uid: (\w+)", provisioned)
    sources = [target["datasource"] for panel in PANELS for target in panel["targets"]]
    sources += [variable["datasource"] for variable in DASHBOARD["templating"]["list"]]
    assert {(source["type"], source["uid"]) for source in sources} == {("prometheus", uid)}


def test_panels_have_numbers_of_their_own_titles_and_units_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        cells |= taken
    assert all(panel["title"] and panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)


def test_there_are_an_overview_models_steps_and_an_ab_comparison() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Overview", "Models", "Steps of $ensemble", "A/B: $router"]


def test_every_variable_in_a_query_is_defined() -> None:
    used = set(re.findall(r"\$(\w+)", json.dumps(PANELS)))
    assert used - {"__rate_interval"} == {variable["name"] for variable in DASHBOARD["templating"]["list"]}
