"""A client's options: their defaults and the files of an encrypted connection."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from cronnx._errors import InvalidInput
from cronnx._retry import Retry

DEFAULT_URL = "grpc://127.0.0.1:8001"
DEFAULT_MODEL_NAME = "efficientnet_lite0"
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_CONCURRENCY = 16
DEFAULT_RETRY = Retry()

_DEBIAN_BUNDLE = "ca-certificates.crt"  # OpenSSL reads the folder that contains it


@dataclass(frozen=True)
class Tls:
    """The PEM files of an encrypted connection.

    Attributes:
        ca_file: The certificate authorities to trust; None for the system's.
        certificate_file: The client's own certificate with its chain, for a server that asks for one.
        key_file: The private key of `certificate_file`, without a password.
    """

    ca_file: str | os.PathLike[str] | None = None
    certificate_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise InvalidInput("Tls: expected certificate_file and key_file together, got only one of them")
        self.ssl_context()  # reports unusable files before the first request

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context for Python's `ssl`."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file, password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise InvalidInput(f"{self} cannot be used: expected PEM files, got: {error}") from error
        return context

    def trusted_certificates(self) -> bytes | None:
        """Return the authorities' certificates as PEM; None if the system does not keep them in one file."""
        if self.ca_file is not None:
            return Path(self.ca_file).read_bytes()
        paths = ssl.get_default_verify_paths()
        known = [Path(path) for path in (paths.cafile, f"{paths.capath}/{_DEBIAN_BUNDLE}") if path]
        return next((path.read_bytes() for path in known if path.is_file()), None)

    def client_identity(self) -> tuple[bytes, bytes] | None:
        """Return the client's key and certificate as PEM; None if it has none."""
        if self.key_file is None or self.certificate_file is None:
            return None
        return Path(self.key_file).read_bytes(), Path(self.certificate_file).read_bytes()


def _no_password() -> str:
    raise ValueError("the key is encrypted; decrypt it first")
