"""Image bytes to the pixels a model takes: what the Triton backend `preprocess` computes, free of Triton."""

from cronnx_preprocess.errors import ConfigError, InvalidImageError, PreprocessError
from cronnx_preprocess.options import Options
from cronnx_preprocess.preprocessor import Preprocessor

__all__ = ["ConfigError", "InvalidImageError", "Options", "PreprocessError", "Preprocessor"]
