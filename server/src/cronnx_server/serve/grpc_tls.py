"""How a server proves over gRPC who it is, and asks callers the same; Triton's HTTP knows no TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cronnx_server.errors import SetupError


@dataclass(frozen=True)
class GrpcTls:
    """The files of an encrypted gRPC service, all PEM.

    Attributes:
        certificate_file: the server's certificate, its chain included.
        key_file: its private key, without a password.
        client_ca_file: the authorities whose callers are answered; anybody is where None.
    """

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Raise SetupError unless the files can be used: Triton would say that its port is taken."""
        files = [str(each) for each in (self.certificate_file, self.key_file, self.client_ca_file) if each]
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate_file, self.key_file, password=_no_password)
            if self.client_ca_file:
                context.load_verify_locations(self.client_ca_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = error.strerror or error if isinstance(error, OSError) else error
            raise SetupError(
                f"TLS by {', '.join(files)}: {reason}; PEM files are expected, the key that of the certificate"
            ) from error

    def flags(self) -> list[str]:
        """As `tritonserver` takes them."""
        flags = [
            "--grpc-use-ssl=true",
            f"--grpc-server-cert={self.certificate_file}",
            f"--grpc-server-key={self.key_file}",
        ]
        if self.client_ca_file:
            flags += ["--grpc-use-ssl-mutual=true", f"--grpc-root-cert={self.client_ca_file}"]
        return flags


def _no_password() -> str:
    raise ValueError("the key is encrypted")
