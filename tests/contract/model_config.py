"""`inference.ModelConfig` as a release of Triton defines it.

The client's wheel of a release carries `model_config.proto` as a serialised descriptor. It is read from the source of
the generated module: a process cannot import two descriptors of the same name.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import Message

from cronnx_server import environment, packages
from cronnx_server.paths import REQUIREMENTS, STATE

RELEASES = ("24.10", "26.07")
GENERATED = Path("tritonclient") / "grpc" / "model_config_pb2.py"


@functools.cache
def model_config(release: str) -> type[Message]:
    """Return the message class of a release, from its own descriptor pool."""
    requirement = f"model_config_{release.replace('.', '_')}"
    folder = STATE / requirement
    with environment.setup_lock():
        packages.install_folder(
            (REQUIREMENTS / f"{requirement}.txt").read_text(), folder, what=f"the model configuration of {release}"
        )
    (file,) = _descriptors((folder / GENERATED).read_text())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.ModelConfig"))


def _descriptors(source: str) -> Iterator[FileDescriptorProto]:
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, bytes)
            and b"model_config.proto" in node.value[:32]
        ):
            yield FileDescriptorProto.FromString(node.value)
