"""Model configurations as Triton hands them to a backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Config = dict[str, Any]


def tensor(name: str, dims: Sequence[int], data_type: str = "TYPE_FP32", **fields: Any) -> Config:
    return {"name": name, "data_type": data_type, "dims": list(dims), **fields}


def config(
    inputs: Sequence[Config] = (), outputs: Sequence[Config] = (), *, max_batch_size: int = 0, **fields: Any
) -> Config:
    return {"max_batch_size": max_batch_size, "input": list(inputs), "output": list(outputs), **fields}


def parameters(**values: str) -> Config:
    """A configuration with these `parameters`; `__` in a name stands for a dot."""
    return config(parameters={key.replace("__", "."): {"string_value": value} for key, value in values.items()})


def accelerated(name: str, *, processor: str = "gpu", **values: str) -> Config:
    """A configuration that asks for an accelerator with these parameters."""
    entry = {"name": name, "parameters": values} if values else {"name": name}
    return config(optimization={"execution_accelerators": {f"{processor}_execution_accelerator": [entry]}})
