from __future__ import annotations

from pathlib import Path

from cronnx_lab.document.configuration import reference

NETWORK = """
backend: "onnxruntime"
max_batch_size: 8
dynamic_batching { max_queue_delay_microseconds: 2500 }
instance_group [ { count: 2 } ]
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
