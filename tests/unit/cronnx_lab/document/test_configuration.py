from __future__ import annotations

from pathlib import Path

from cronnx_lab.document.configuration import command_helps, reference

NETWORK = """
backend: "onnxruntime"
max_batch_size: 8
dynamic_batching { max_queue_delay_microseconds: 2500 }
instance_group [ { count: 2 } ]
"""

MOW = """#!/usr/bin/env python3
import argparse
parser = argparse.ArgumentParser(prog="mow", description="Mow the lawn.")
parser.add_argument("--height-mm", type=int, metavar="N", help="of what is left")
parser.parse_args()
"""


def model(folder: Path, config: str, *profiles: str) -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config)
    for profile in profiles:
        (folder / "configs" / f"{profile}.pbtxt").touch()
    return folder


def test_a_model_is_a_row_of_what_its_configuration_says(tmp_path: Path) -> None:
    models = {
        "plants_onnx": model(tmp_path / "plants_onnx", NETWORK, "fast", "cuda"),
        "plants": model(tmp_path / "plants", 'platform: "ensemble"'),
    }
    rows = [line for line in reference(models, {}).splitlines() if line.startswith("| `plants")]
    assert rows == [
        "| `plants` | ensemble | 0 |  |  |  |",
        "| `plants_onnx` | onnxruntime | 8 | 2.5 ms | 2 | cuda, fast |",
    ]


def test_a_command_is_a_heading_and_what_it_says() -> None:
    assert "### scripts/mow\n\n```text\nMow the lawn.\n```" in reference({}, {"mow": "Mow the lawn."})


def test_a_command_is_asked_for_everything_but_its_usage(tmp_path: Path) -> None:
    (tmp_path / "mow").write_text(MOW)
    (tmp_path / "mow").chmod(0o755)
    (tmp_path / "notes.txt").touch()
    (helped,) = command_helps(tmp_path).items()
    assert helped[0] == "mow"
    assert helped[1].startswith("Mow the lawn.\n\noptions:")
    assert "--height-mm N" in helped[1]
