from __future__ import annotations

from tritonclient.grpc.model_config_pb2 import DataType

from cronnx_server.model_config import ELEMENT_BYTES, cpu_instances, ensemble_steps, instance_count


def test_an_ensembles_steps_are_named_in_order_and_no_other_model_has_any() -> None:
    steps = [{"model_name": "preprocess_224"}, {"model_name": "plants_onnx", "model_version": "2"}]
    assert ensemble_steps({"ensemble_scheduling": {"step": steps}}) == ["preprocess_224", "plants_onnx"]
    assert ensemble_steps({"backend": "onnxruntime"}) == []


def test_an_instance_group_counts_on_the_cpu_where_there_is_no_gpu() -> None:
    config = {"instance_group": [{"count": 3}]}
    assert (cpu_instances(config), instance_count(config)) == (3, 3)


def test_an_instance_group_counts_once_for_each_gpu() -> None:
    config = {"instance_group": [{"count": 3, "kind": "KIND_AUTO"}, {"count": 1, "kind": "KIND_CPU"}]}
    assert (cpu_instances(config, gpus=2), instance_count(config, gpus=2)) == (1, 7)


def test_a_group_of_named_gpus_counts_for_those() -> None:
    assert instance_count({"instance_group": [{"count": 2, "kind": "KIND_GPU", "gpus": [0, 3]}]}, gpus=8) == 4


def test_a_model_without_a_group_has_the_count_of_its_backend() -> None:
    assert instance_count({"backend": "onnxruntime"}) == 2
    assert instance_count({"backend": "preprocess"}) == 1
    assert instance_count({"platform": "ensemble"}) == 1


def test_every_data_type_of_a_fixed_size_has_one() -> None:
    assert {*DataType.keys()} - {*ELEMENT_BYTES} == {"TYPE_INVALID", "TYPE_STRING"}
