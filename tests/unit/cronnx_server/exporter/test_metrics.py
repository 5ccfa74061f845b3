from __future__ import annotations

from prometheus_client import Metric

from cronnx_server.exporter.metrics import ModelVersion, ServerState, cumulative, metrics

NETWORK = ModelVersion("network", "2")
SERVER = ServerState(
    is_ready=True,
    ready={NETWORK: False},
    batches={NETWORK: {1: 5, 3: 1, 200: 2}},
    steps={"photos": ["preprocess", "network"], "network": []},
)


def by_name(server: ServerState) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics(server)}


def test_a_batch_is_in_the_bucket_of_its_size_and_in_all_larger_ones() -> None:
    buckets = dict(cumulative({1: 5, 3: 1, 17: 3, 200: 2}))
    assert (buckets["1.0"], buckets["2.0"], buckets["3.0"], buckets["16.0"]) == (5, 5, 6, 6)
    assert (buckets["24.0"], buckets["128.0"], buckets["+Inf"]) == (9, 9, 11)


def test_a_histogram_has_the_labels_the_rows_and_the_number_of_batches() -> None:
    samples = by_name(SERVER)["batch_size"].samples
    assert {(each.labels["model"], each.labels["version"]) for each in samples} == {("network", "2")}
    assert {each.name: each.value for each in samples if "le" not in each.labels} == {
        "batch_size_count": 8,
        "batch_size_sum": 408,
    }


def test_readiness_kinds_and_steps_are_gauges() -> None:
    found = by_name(SERVER)
    assert [each.value for each in found["server_ready"].samples] == [1]
    assert [(each.labels, each.value) for each in found["model_ready"].samples] == [
        ({"model": "network", "version": "2"}, 0)
    ]
    kinds = {each.labels["model"]: each.labels["kind"] for each in found["model_info"].samples}
    assert kinds == {"photos": "ensemble", "network": "model"}
    assert {each.labels["model"]: each.value for each in found["ensemble_step"].samples} == {
        "preprocess": 1,
        "network": 2,
    }


def test_a_server_that_cannot_be_asked_is_not_ready_and_has_no_models() -> None:
    samples = [sample for metric in metrics(ServerState()) for sample in metric.samples]
    assert [(each.name, each.value) for each in samples] == [("server_ready", 0)]
