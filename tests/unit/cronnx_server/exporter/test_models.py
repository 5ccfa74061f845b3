from __future__ import annotations

from cronnx_server.exporter.models import ModelVersion, read_batches, read_index, read_steps


def test_a_version_is_ready_or_not_and_what_nobody_wants_loaded_is_left_out() -> None:
    index = [
        {"name": "a", "version": "1", "state": "READY"},
        {"name": "a", "version": "2", "state": "LOADING"},
        {"name": "b", "version": "1", "state": "UNAVAILABLE", "reason": "Internal: not today"},
        {"name": "c", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"},
        {"name": "d"},
    ]
    assert read_index(index) == {
        ModelVersion("a", "1"): True,
        ModelVersion("a", "2"): False,
        ModelVersion("b", "1"): False,
    }


def test_the_batches_of_a_version_are_counted_by_size() -> None:
    def batch(size: int, count: int) -> dict[str, object]:
        return {"batch_size": size, "compute_infer": {"count": count, "ns": 1}}

    statistics = {
        "model_stats": [
            {"name": "a", "version": "1", "batch_stats": [batch(1, 7), batch(16, 2)]},
            {"name": "b", "version": "3"},
        ]
    }
    assert read_batches(statistics) == {ModelVersion("a", "1"): {1: 7, 16: 2}, ModelVersion("b", "3"): {}}


def test_an_ensemble_has_its_steps_in_order_and_another_model_none() -> None:
    steps = [{"model_name": "preprocess"}, {"model_name": "network"}]
    assert read_steps({"ensemble_scheduling": {"step": steps}}) == ["preprocess", "network"]
    assert read_steps({"backend": "onnxruntime"}) == []
