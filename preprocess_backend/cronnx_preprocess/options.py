"""A model's options: the `parameters` and tensors of its config, checked when it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Resampling

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.parameters import Channels, read_parameters
from cronnx_preprocess.tensors import Layout, ModelConfig, Tensors, read_tensors


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a model preprocesses images.

    Attributes:
        tensors: Its input and output.
        resize: How an image's shape meets the output's.
        resample: The resize filter.
        crop: With SHORTEST_EDGE, the fraction of the resized shorter side that the output keeps.
        mean: Subtracted from RGB pixels of 0 to 1; FP32 output only.
        std: What the difference is divided by; FP32 output only.
        max_bytes: The largest image file accepted.
        max_pixels: The largest image accepted, by its header.
        threads: Images preprocessed at a time; 0 is one a core.
        max_queue_size: Images that may wait.
        default_timeout_microseconds: For how long a request may wait.
    """

    tensors: Tensors
    resize: Resize = Resize.SHORTEST_EDGE
    resample: Resampling = Resampling.BICUBIC
    crop: float = 1.0
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000
    threads: int = 0
    max_queue_size: int = 128
    default_timeout_microseconds: int = 10_000_000

    @classmethod
    def from_model_config(cls, config: ModelConfig) -> Options:
        """The options of a model config in Triton's JSON form.

        Raises:
            ConfigError: A tensor or parameter is unknown, out of range, or does not fit the others.
        """
        tensors = read_tensors(config)
        parameters = read_parameters(config.get("parameters", {}))
        if parameters.keys() & {"mean", "std"} and tensors.layout is not Layout.FP32_NCHW:
            raise ConfigError("parameters 'mean' and 'std'", "need a TYPE_FP32 output")
        options = cls(tensors=tensors, **parameters)
        if options.crop != 1 and options.resize is not Resize.SHORTEST_EDGE:
            raise ConfigError("parameter 'crop'", f"needs resize shortest_edge, not {options.resize.value}")
        return options
