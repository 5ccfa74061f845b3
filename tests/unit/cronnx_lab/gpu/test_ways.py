from __future__ import annotations

from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

from cronnx_lab.errors import MeasurementError
from cronnx_lab.gpu.__main__ import CONCURRENCY
from cronnx_lab.gpu.ways import Way, write_repository
from cronnx_server import repository

ENSEMBLE = "efficientnet_lite0"


def written(folder: Path, way: Way, *, profile: str = "", cores: int = 4) -> tuple[ModelConfig, ModelConfig]:
    """The configurations of the preprocessing and of the network."""
    write_repository(folder, way, [ENSEMBLE], profile=profile, cores=cores)
    return repository.read_config(folder / "preprocess_224"), repository.read_config(folder / f"{ENSEMBLE}_onnx")


def kind(config: ModelConfig) -> int:
    (group,) = config.instance_group
    found: int = group.kind
    return found


@pytest.mark.parametrize("way", Way)
def test_the_network_runs_where_its_way_says(way: Way, tmp_path: Path) -> None:
    _, network = written(tmp_path, way)
    assert kind(network) == (ModelInstanceGroup.KIND_GPU if way.needs_gpu else ModelInstanceGroup.KIND_CPU)


@pytest.mark.parametrize("way", Way)
def test_pictures_are_decoded_where_its_way_says(way: Way, tmp_path: Path) -> None:
    preprocess, _ = written(tmp_path, way)
    on_gpu = way is Way.GPU_DECODING
    assert kind(preprocess) == (ModelInstanceGroup.KIND_GPU if on_gpu else ModelInstanceGroup.KIND_CPU)
    assert ("decoder" in preprocess.parameters) is on_gpu


@pytest.mark.parametrize("way", Way)
def test_as_many_pictures_may_wait_as_are_in_flight(way: Way, tmp_path: Path) -> None:
    preprocess, _ = written(tmp_path, way)
    assert int(preprocess.parameters["max_queue_size"].string_value) >= max(CONCURRENCY)


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (5, 1), (6, 2), (16, 4), (64, 13)])
def test_one_process_decodes_for_each_five_cores(cores: int, processes: int, tmp_path: Path) -> None:
    preprocess, _ = written(tmp_path, Way.GPU, cores=cores)
    assert preprocess.instance_group[0].count == processes


def test_a_profile_is_that_of_the_network_on_a_gpu(tmp_path: Path) -> None:
    for way in Way:
        _, network = written(tmp_path / way.name, way, profile="tensorrt")
        assert network.HasField("optimization") is way.needs_gpu


def test_versions_and_warm_up_data_are_linked(tmp_path: Path) -> None:
    written(tmp_path, Way.GPU_DECODING)
    assert (tmp_path / "preprocess_224" / "1").is_symlink()
    assert (tmp_path / "preprocess_224" / "warmup").is_symlink()
    assert not (tmp_path / "preprocess_224" / "configs").exists()


def test_a_recipe_that_a_backend_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    (models / "preprocess_224").mkdir(parents=True)
    (models / "preprocess_224" / "config.pbtxt").write_text('backend: "preprocess"\ninstance_group [ { count: 1 } ]\n')
    monkeypatch.setattr("cronnx_lab.gpu.ways.MODEL_REPOSITORY", models)
    with pytest.raises(MeasurementError, match=r"^preprocess_224 cannot run as 'CPU, decoded on the CPU': "):
        write_repository(tmp_path / "made", Way.CPU, [ENSEMBLE], profile="", cores=2)
