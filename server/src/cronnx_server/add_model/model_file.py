"""The ONNX file that a user adds: read whole, or refused with the reason."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime
from google.protobuf.message import DecodeError, EncodeError
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from cronnx_onnxruntime.errors import ConfigError, in_one_line
from cronnx_onnxruntime.signature import Signature
from cronnx_server.errors import ModelFileError

# ONNX Runtime puts the C++ function that failed before the message.
ORIGIN = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (/\S+:\d+ .*\) (?=[A-Z]))?")
NEWER_OPSET = re.compile(r"Opset (\d+) is under development.* domain (\S+) is till opset (\d+)")


@dataclass(frozen=True)
class ModelFile:
    """A graph that ONNX Runtime loads.

    Attributes:
        path: The file.
        content: One file with all weights, including those of external data files.
        model: The content, parsed.
        signature: The inputs and outputs of the graph.
    """

    path: Path
    content: bytes
    model: onnx.ModelProto
    signature: Signature

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, hexadecimal; `served_by` has its first eight digits."""
        return hashlib.sha256(self.content).hexdigest()


def read_model_file(path: Path) -> ModelFile:
    """Read an ONNX file with its external data.

    Raises:
        ModelFileError: The file cannot be read, is not ONNX, or needs more than ONNX Runtime or Triton support.
    """
    model, content = _read_whole(path)
    try:
        return ModelFile(path, content, model, Signature.of(session(content)))
    except ConfigError as error:
        raise ModelFileError(f"{path.name}: {error}") from error
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise ModelFileError(f"{path.name}: {_load_failure(error)}") from error


def session(content: bytes) -> onnxruntime.InferenceSession:
    """Load a graph on the CPU; ONNX Runtime prints no warnings."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def error_text(error: Exception) -> str:
    """The message of an ONNX Runtime error in one line, without its code and its place in the C++ sources."""
    return ORIGIN.sub("", " ".join(str(error).split()))


def _read_whole(path: Path) -> tuple[onnx.ModelProto, bytes]:
    try:
        content = path.read_bytes()
        model = onnx.load_model_from_string(content)
        if any(map(uses_external_data, model.graph.initializer)):
            load_external_data_for_model(model, str(path.parent))
            content = model.SerializeToString()
    except DecodeError as error:
        raise ModelFileError(f"{path.name} is not an ONNX file") from error
    except OSError as error:
        raise ModelFileError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    except onnx.checker.ValidationError as error:
        raise ModelFileError(f"{path.name}: cannot read its external data: {in_one_line(error)}") from error
    except (EncodeError, ValueError) as error:
        raise ModelFileError(f"{path.name}: expected up to 2 GB, the limit of ONNX, got more") from error
    if not model.graph.node:
        raise ModelFileError(f"{path.name} is not an ONNX file, or its graph is empty")
    return model, content


def _load_failure(error: Exception) -> str:
    if newer := NEWER_OPSET.search(str(error)):
        opset, domain, newest = newer.groups()
        return (
            f"expected opset {newest} of {domain} or older, which ONNX Runtime {onnxruntime.__version__} supports, "
            f"got opset {opset}; export the model with an older opset"
        )
    return f"ONNX Runtime {onnxruntime.__version__} cannot load it: {error_text(error)}"
