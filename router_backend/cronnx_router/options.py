"""What a model configuration asks of the router."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cronnx_router.arms import Arm, read_arm, read_weighted_arms
from cronnx_router.errors import ConfigError

USER_ID = "user_id"
TOP_1 = "class_id"
KNOWN = ("arms", "shadow")

ModelConfig = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Options:
    """A router's settings.

    Attributes:
        weights: The arms by weight; the first is the stable one.
        shadow: What runs besides, its answers unseen.
        inputs: The tensors that go on to an arm.
        outputs: The tensors that come back from it.
    """

    weights: Mapping[Arm, float]
    shadow: Arm | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @classmethod
    def from_model_config(cls, config: ModelConfig) -> Options:
        """The settings in a model configuration.

        Raises:
            ConfigError: It cannot be served.
        """
        parameters = _parameters(config)
        if not config.get("max_batch_size"):
            raise ConfigError("max_batch_size is 0, expected at least 1: images are routed one by one")
        outputs = tuple(tensor["name"] for tensor in config["output"])
        shadow = parameters.get("shadow")
        if shadow is not None and TOP_1 not in outputs:
            raise ConfigError(
                f"parameter 'shadow' needs an output '{TOP_1}' to compare, there are {', '.join(outputs)}"
            )
        return cls(
            weights=read_weighted_arms(parameters.get("arms", ""), parameter="arms"),
            shadow=None if shadow is None else read_arm(shadow, parameter="shadow"),
            inputs=_inputs(config),
            outputs=outputs,
        )


def _parameters(config: ModelConfig) -> dict[str, str]:
    parameters = {name: value["string_value"] for name, value in config.get("parameters", {}).items()}
    for name in parameters:
        if name not in KNOWN:
            raise ConfigError(f"parameter '{name}' is unknown, expected {' or '.join(KNOWN)}")
    return parameters


def _inputs(config: ModelConfig) -> tuple[str, ...]:
    for tensor in config["input"]:
        if tensor["name"] == USER_ID and not _is_optional_text(tensor):
            raise ConfigError(
                f"input '{USER_ID}' is {tensor['data_type']} with dims {tensor['dims']}, expected an "
                "optional TYPE_STRING with dims [1]"
            )
    return tuple(tensor["name"] for tensor in config["input"] if tensor["name"] != USER_ID)


def _is_optional_text(tensor: ModelConfig) -> bool:
    return bool(tensor.get("optional")) and (tensor["data_type"], list(tensor["dims"])) == ("TYPE_STRING", [1])
