"""An ONNX file that somebody brings: read whole, or refused with the reason."""

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
from cronnx_server.errors import SetupError

# The C++ function that an error of ONNX Runtime's comes from stands before what it says.
ORIGIN = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (/\S+:\d+ .*\) (?=[A-Z]))?")
NEWER_OPSET = re.compile(r"Opset (\d+) is under development.* domain (\S+) is till opset (\d+)")


@dataclass(frozen=True)
class GraphFile:
    """A graph that ONNX Runtime loads.

    Attributes:
        path: where it came from.
        content: one file with all of its weights, those of external data files too.
        model: the same, parsed.
        signature: its inputs and outputs.
    """

    path: Path
    content: bytes
    model: onnx.ModelProto
    signature: Signature

    @property
    def sha256(self) -> str:
        """What an answer's `served_by` begins with."""
        return hashlib.sha256(self.content).hexdigest()


def read(path: Path) -> GraphFile:
    """The graph in `path`, with its external data.

    Raises:
        SetupError: it cannot be read, is not ONNX, or has what ONNX Runtime or Triton do not know.
    """
    model, content = _whole(path)
    try:
        return GraphFile(path, content, model, Signature.of(session(content)))
    except ConfigError as error:
        raise SetupError(f"{path.name}: {error}") from error
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise SetupError(f"{path.name}: ONNX Runtime {onnxruntime.__version__} {_reason(error)}") from error


def session(content: bytes) -> onnxruntime.InferenceSession:
    """A session that keeps its warnings to itself: what matters of them comes as an error."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def onnx_runtime_says(error: Exception) -> str:
    """What an error of ONNX Runtime's says, in one line, without its code and where in its sources it is from."""
    return ORIGIN.sub("", " ".join(str(error).split()))


def _whole(path: Path) -> tuple[onnx.ModelProto, bytes]:
    try:
        content = path.read_bytes()
        model = onnx.load_model_from_string(content)
        if any(map(uses_external_data, model.graph.initializer)):
            load_external_data_for_model(model, str(path.parent))
            content = model.SerializeToString()
    except DecodeError as error:
        raise SetupError(f"{path.name} is not an ONNX file") from error
    except OSError as error:
        raise SetupError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    except onnx.checker.ValidationError as error:
        raise SetupError(f"{path.name}: its external data cannot be read: {in_one_line(error)}") from error
    except (EncodeError, ValueError) as error:
        raise SetupError(f"{path.name} is over 2 GB with its weights; an ONNX file holds up to 2 GB") from error
    if not model.graph.node:
        raise SetupError(f"{path.name} is not an ONNX file, or has no graph")
    return model, content


def _reason(error: Exception) -> str:
    if newer := NEWER_OPSET.search(str(error)):
        came, domain, newest = newer.groups()
        return f"takes opset {newest} of {domain} at most, and this is opset {came}: export it with an older one"
    return f"cannot load it: {onnx_runtime_says(error)}"
