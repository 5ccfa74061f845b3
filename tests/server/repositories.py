"""Models written into a test's own model repository."""

from __future__ import annotations

from pathlib import Path

ONE_INSTANCE = "instance_group [ { count: 1 } ]\n"


def put(repository: Path, name: str, config: str, *, version: int = 1) -> Path:
    """Write a model that has no files but its configuration: an ensemble, a router or a preprocess model.

    Args:
        repository: The model repository.
        name: The model's name.
        config: The content of `config.pbtxt`; an empty string writes none.
        version: The version whose folder is made.

    Returns:
        The version's folder.
    """
    folder = repository / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    if config:
        (repository / name / "config.pbtxt").write_text(config)
    return folder


def put_onnx(repository: Path, name: str, graph: bytes, config: str, *, version: int = 1) -> Path:
    """Write a model of the onnxruntime backend; its configuration may be empty. Returns the version's folder."""
    folder = put(repository, name, config and f'backend: "onnxruntime"\n{config}', version=version)
    (folder / "model.onnx").write_bytes(graph)
    return folder


def put_python(repository: Path, name: str, source: str, config: str) -> None:
    """Write a model of the Python backend."""
    (put(repository, name, f'backend: "python"\n{config}') / "model.py").write_text(source)


def parameter(key: str, value: str) -> str:
    """Return a parameter as a line of a configuration."""
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n'
