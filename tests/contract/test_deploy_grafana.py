"""Grafana's dashboard and data source, without Grafana; tests/server/test_metrics.py runs every query."""

from __future__ import annotations

import json
import re

from cronnx_server.paths import ROOT

PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
DASHBOARD = json.loads((ROOT / "deploy" / "helm" / "files" / "dashboards" / "triton_models.json").read_text())
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def test_every_query_goes_to_a_prometheus_that_the_reader_chooses() -> None:
    chosen = VARIABLES["datasource"]
    assert (chosen["type"], chosen["query"]) == ("datasource", "prometheus")
    provisioned = (PROVISIONING / "datasources" / "prometheus.yml").read_text()
    assert "type: prometheus" in provisioned
    assert "isDefault: true" in provisioned
    sources = [target["datasource"] for panel in PANELS for target in panel["targets"]]
    sources += [panel["datasource"] for panel in PANELS]
    sources += [variable["datasource"] for variable in VARIABLES.values() if variable is not chosen]
    assert {(source["type"], source["uid"]) for source in sources} == {("prometheus", "${datasource}")}


def test_the_reader_chooses_namespaces_and_pods_and_sees_servers_outside_of_kubernetes_too() -> None:
    for name in ("namespace", "pod"):
        assert VARIABLES[name]["includeAll"]
        assert VARIABLES[name]["allValue"] == ".*"  # matches series without the label
    joined = ("model_info{", "ensemble_step{")  # say which models are ensembles and steps, on whichever server
    for panel in PANELS:
        for target in panel["targets"]:
            selectors = re.findall(r"\w+\{[^}]*\}", target["expr"])
            counted = [each for each in selectors if not each.startswith(joined)]
            assert counted
            assert [each for each in counted if 'namespace=~"$namespace"' not in each] == []
            assert [each for each in counted if 'pod=~"$pod"' not in each and not each.startswith("ALERTS{")] == []


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
    used |= set(re.findall(r"\$\{(\w+)\}", json.dumps(PANELS)))
    assert used - {"__rate_interval"} == set(VARIABLES)
