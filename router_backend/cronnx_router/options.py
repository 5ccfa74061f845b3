"""The options of a router: what its config.pbtxt says, checked when the model loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cronnx_router.arms import Arm, read_arm, read_weighted_arms
from cronnx_router.decisions import CONFIGURED, decided_arms
from cronnx_router.errors import ConfigError

USER_ID = "user_id"
CLASS_ID = "class_id"
PARAMETERS = ("arms", "shadow")

ModelConfig = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a router splits its traffic.

    Attributes:
        weights: The weight of each arm; the first arm is the stable one.
        shadow: An arm that runs as well, but whose answers are only compared.
        inputs: The names of the tensors that are passed on to an arm.
        outputs: The names of the tensors that an arm returns.
    """

    weights: Mapping[Arm, float]
    shadow: Arm | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @classmethod
    def from_model_config(cls, config: ModelConfig, *, decisions: str = "") -> Options:
        """Read the options from a model configuration in Triton's JSON form.

        Args:
            config: The configuration.
            decisions: The JSON file with arms that were decided instead of those in the model's file; empty for none.

        Raises:
            ConfigError: The configuration cannot be served.
        """
        parameters = _read_parameters(config)
        if not config.get("max_batch_size"):
            raise ConfigError("max_batch_size: expected at least 1, because images are routed one by one, got 0")
        outputs = tuple(tensor["name"] for tensor in config["output"])
        shadow, arms = parameters.get("shadow"), parameters.get("arms", "")
        if CONFIGURED not in parameters:  # it is the model's file, not a split of the running server
            arms = decided_arms(decisions, config.get("name", ""), arms)
        if shadow is not None and CLASS_ID not in outputs:
            raise ConfigError(
                f"parameter 'shadow': expected an output '{CLASS_ID}' to compare, got {', '.join(outputs)}"
            )
        return cls(
            weights=read_weighted_arms(arms, parameter="arms"),
            shadow=None if shadow is None else read_arm(shadow, parameter="shadow"),
            inputs=_input_names(config),
            outputs=outputs,
        )


def _read_parameters(config: ModelConfig) -> dict[str, str]:
    parameters = {name: value["string_value"] for name, value in config.get("parameters", {}).items()}
    for name in parameters:
        if name not in (*PARAMETERS, CONFIGURED):
            raise ConfigError(f"unknown parameter '{name}': expected {' or '.join(PARAMETERS)}")
    return parameters


def _input_names(config: ModelConfig) -> tuple[str, ...]:
    for tensor in config["input"]:
        if tensor["name"] == USER_ID and not _is_optional_text(tensor):
            raise ConfigError(
                f"input '{USER_ID}': expected an optional TYPE_STRING with dims [1], got "
                f"{'an optional' if tensor.get('optional') else 'a required'} {tensor['data_type']} "
                f"with dims {tensor['dims']}"
            )
    return tuple(tensor["name"] for tensor in config["input"] if tensor["name"] != USER_ID)


def _is_optional_text(tensor: ModelConfig) -> bool:
    return bool(tensor.get("optional")) and (tensor["data_type"], list(tensor["dims"])) == ("TYPE_STRING", [1])
