"""Memory that a client shares with a server on the same host, named after the client that owns it."""

from __future__ import annotations

import errno
import mmap
import os
import re
import secrets
import socket
import sys
from pathlib import Path

from cronnx._errors import InvalidInput

assert sys.platform == "linux"  # noqa: S101 - for the type checker; `connect` refuses shared memory elsewhere

FOLDER = Path("/dev/shm")  # noqa: S108 - where Linux keeps shared memory

_REGION = re.compile(r"(cronnx-(\d+)-[0-9a-f]{16})-[0-9a-f]{32}")


class Region:
    """Shared memory with a file, which a server opens by its name. The memory lasts as long as anybody has it mapped.

    Attributes:
        name: The file's name in /dev/shm.
        memory: The memory.
    """

    def __init__(self, name: str, byte_size: int) -> None:
        self.name = name
        file = os.open(FOLDER / name, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
        try:
            os.posix_fallocate(file, 0, byte_size)  # without it, writing to a full /dev/shm is a SIGBUS
            self.memory = mmap.mmap(file, byte_size)
        except OSError:
            self.remove_file()
            raise
        finally:
            os.close(file)

    def remove_file(self) -> None:
        """Remove the file, so that a killed client leaves none; the memory stays usable."""
        (FOLDER / self.name).unlink(missing_ok=True)


class Owner:
    """A client as the owner of regions.

    It holds a socket with the name that its regions begin with. The kernel closes the socket when the process ends,
    however it ends, and so shows other clients which regions are abandoned.
    """

    def __init__(self) -> None:
        """Take a name.

        Raises:
            InvalidInput: This system has no such sockets.
        """
        try:
            self._name = f"cronnx-{_network()}-{secrets.token_hex(8)}"
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(f"\0{self._name}")
        except OSError as error:
            raise InvalidInput(f"shared_memory: expected Linux with /proc, got {error.strerror}") from error

    def new_region(self, byte_size: int) -> Region:
        """Allocate shared memory.

        Raises:
            InvalidInput: /dev/shm has too little room.
        """
        try:
            return Region(f"{self._name}-{secrets.token_hex(16)}", byte_size)
        except OSError as error:
            raise InvalidInput(
                f"cannot allocate {byte_size} bytes of shared memory: {error.strerror}; is /dev/shm full?"
            ) from error

    def close(self) -> None:
        """Abandon the regions."""
        self._socket.close()


def is_abandoned(region: str) -> bool:
    """Return whether a region belonged to a client that has ended or is closed.

    Only clients of the same network namespace can be asked: a region of another container counts as in use.
    """
    match = _REGION.fullmatch(region)
    if not match or int(match[2]) != _network():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(f"\0{match[1]}") == errno.ECONNREFUSED


def remove_abandoned_files() -> None:
    """Remove the files of clients that were killed before the server had opened them."""
    for path in FOLDER.glob("cronnx-*"):
        if is_abandoned(path.name):
            path.unlink(missing_ok=True)


def _network() -> int:
    """Return the number of the network namespace, in which the names of sockets are unique."""
    return Path("/proc/self/ns/net").stat().st_ino
