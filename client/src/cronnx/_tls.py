"""How a server proves who it is, and the client to it."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from cronnx._errors import InvalidInput

_DEBIAN_BUNDLE = "ca-certificates.crt"  # OpenSSL itself reads the folder that it lies in


@dataclass(frozen=True)
class Tls:
    """The files of an encrypted connection, all PEM.

    Attributes:
        ca_file: The authorities whose servers are trusted; the system's where None.
        certificate_file: The client's own certificate, its chain included, for a server that asks for one.
        key_file: The private key of `certificate_file`, without a password.
    """

    ca_file: str | os.PathLike[str] | None = None
    certificate_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise InvalidInput("Tls needs certificate_file and key_file together")
        self.ssl_context()  # says what is wrong with the files before the first request

    def ssl_context(self) -> ssl.SSLContext:
        """What Python's ssl takes."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file, password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise InvalidInput(f"{self} cannot be used: {error}; expected PEM files") from error
        return context

    def authorities(self) -> bytes | None:
        """The certificates of the authorities, as PEM; None where the system keeps them in no one file."""
        if self.ca_file is not None:
            return Path(self.ca_file).read_bytes()
        paths = ssl.get_default_verify_paths()
        known = [Path(path) for path in (paths.cafile, f"{paths.capath}/{_DEBIAN_BUNDLE}") if path]
        return next((path.read_bytes() for path in known if path.is_file()), None)

    def identity(self) -> tuple[bytes, bytes] | None:
        """The client's key and certificate, as PEM; None where it has none."""
        if self.key_file is None or self.certificate_file is None:
            return None
        return Path(self.key_file).read_bytes(), Path(self.certificate_file).read_bytes()


def _no_password() -> str:
    raise ValueError("the key is encrypted")
