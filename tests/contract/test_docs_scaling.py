"""The arithmetic of docs/scaling.md, computed from its measurements."""

from __future__ import annotations

import math
import re

import pytest

from cronnx_lab.gpu.ways import CORES_A_PROCESS
from cronnx_server.paths import ROOT

TEXT = (ROOT / "docs" / "scaling.md").read_text()
KB = {"small": 66, "large": 1800}
LOAD = 0.75
POD_CORES = {"gpu": 8, "cpu": 4}


def table(header: str) -> list[list[str]]:
    """Return the cells of the table with this header."""
    lines = TEXT[TEXT.index(header) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


SMALL, LARGE = table("| picture |")
SMALL_MS, LARGE_MS = (float(row[-1].removesuffix(" ms")) for row in (SMALL, LARGE))


def test_what_is_left_to_the_cores_is_the_server_and_the_preprocessing() -> None:
    for row in (SMALL, LARGE):
        server, preprocess, _, rest = (float(cell.removesuffix(" ms")) for cell in row[1:])
        assert rest == pytest.approx(server + preprocess, abs=0.05)


@pytest.mark.parametrize("row", table("| GPU |"), ids=lambda row: row[0])
def test_a_gpus_rate_takes_as_many_cores_and_bits_as_the_table_says(row: list[str]) -> None:
    rate, small_cores, small_gbit, large_cores, large_gbit = map(float, row[1:])
    assert small_cores == pytest.approx(rate * SMALL_MS / 1000, abs=0.06)
    assert large_cores == pytest.approx(rate * LARGE_MS / 1000, abs=0.6)
    assert small_gbit == pytest.approx(rate * KB["small"] * 8e-6, abs=0.06)
    assert large_gbit == pytest.approx(rate * KB["large"] * 8e-6, abs=0.6)


def test_a_pod_does_the_smaller_of_its_gpus_rate_and_its_cores_at_three_quarters_of_the_load() -> None:
    rates = {row[0]: float(row[1]) for row in table("| GPU |")}
    by_cores = POD_CORES["gpu"] * 1000 / SMALL_MS
    whole_ms = SMALL_MS + float(SMALL[3].removesuffix(" ms"))
    loads = [int(load) for load in re.findall(r"\((\d+)\)", TEXT[TEXT.index("| requests/s |") :].splitlines()[0])]
    assert loads[:2] == [round(LOAD * min(rates[gpu], by_cores)) for gpu in ("T4", "A100")]
    assert loads[2] == pytest.approx(LOAD * POD_CORES["cpu"] * 1000 / whole_ms, rel=0.02)
    for asked, *pods in table("| requests/s |"):
        assert [int(each) for each in pods] == [math.ceil(int(asked) / load) for load in loads]


def test_a_process_does_the_work_of_five_cores_and_the_cores_are_enough_for_its_share() -> None:
    per_core = 1000 / SMALL_MS
    for cores, count, images_per_s in table("| cores of the server | `count` |")[1:]:
        assert int(count) == math.ceil(int(cores) / CORES_A_PROCESS)
        assert float(images_per_s.replace(",", "")) == int(cores) * per_core
    assert "about 2,000 small pictures per second" in TEXT
    assert per_core * CORES_A_PROCESS == 2000
    assert "about 2,000 small pictures per second" in (ROOT / "docs" / "triton.md").read_text()
