from __future__ import annotations

from cronnx_lab.bench.breakdown import PARTS
from cronnx_lab.bench.steps import Workload, plot, table
from tests.unit.cronnx_lab.bench.measured import OBSERVATION


def test_the_table_has_every_part_and_its_share() -> None:
    found = table([OBSERVATION, OBSERVATION])
    assert [row[0] for row in found.rows] == [*PARTS, "whole request"]
    assert ["network", "14.00", "14.00", "14.00", "28%"] in found.rows
    assert found.rows[-1] == ["whole request", "50.00", "50.00", "50.00", "100%"]


def test_the_plot_has_a_bar_for_each_workload() -> None:
    drawn = plot({Workload("lite", "vga"): [OBSERVATION], Workload("yolo", "12mp"): [OBSERVATION]})
    assert drawn.count("<svg") == 1
    assert all(f"<!-- {text} -->" in drawn for text in ("lite, vga", "yolo, 12mp", *PARTS))
