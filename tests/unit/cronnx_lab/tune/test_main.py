from __future__ import annotations

from pathlib import Path

from cronnx_lab.tune.__main__ import outlook, stage_table, summary
from cronnx_lab.tune.candidates import Settings
from cronnx_lab.tune.halving import Standing
from cronnx_lab.tune.tuning import Stage


def test_a_stage_is_a_table_of_what_was_tried() -> None:
    tried = [Settings(), Settings(instances=2, threads=1)]
    standings = [Standing(0, 6, 100.0, 0.1, 0.2, 0.01, 1.0, 0), Standing(1, 6, 120.0, 0.08, 0.16, 0.009, 1.2, 0)]
    headings, present, other = str(stage_table(Stage("net_onnx", tried, standings, tried[1]))).splitlines()
    assert headings.split()[0] == "net_onnx"
    assert present.split()[-7:] == ["6", "100.0", "1.00", "100.0", "200.0", "10.0", "0"]
    assert other.startswith("2 x 1 threads, delay 0 us")
    assert other.split()[-8:] == ["6", "120.0", "1.20", "80.0", "160.0", "9.0", "0", "chosen"]


def test_the_summary_says_which_lines_go_where() -> None:
    text = summary({"net": ["instance_group { count: 2 }"]}, {"net": Path("models/net")})
    assert text == "models/net/config.pbtxt:\n  instance_group { count: 2 }"


def test_where_nothing_is_better_the_summary_says_so() -> None:
    assert "Keep the present settings" in summary({}, {})


def test_it_says_what_it_would_try_with_more_cores() -> None:
    text = outlook(2)
    assert "On 8, instances x threads of each step would be 1 x 8, 1 x 4, 2 x 4 or 8 x 1" in text
