"""Why a command fails. The message of each is one line for the user: what was expected, what was found, what to do.

CommandError
├── SetupError       the environment, a package, or the files of tritonserver
├── AddressError     an address, a port, or the TLS files of a service
├── KeyFileError     the key of the restricted APIs
├── RepositoryError  a model repository, or a configuration in it
├── DownloadError    weights that cannot be fetched, or that differ from their checksum
├── BuildError       a model of the catalogue
├── ModelFileError   a model file or its labels, as a user gave them
├── StartError       a server that did not start, or ended by itself
├── NoAnswerError    a server that does not answer over HTTP
└── cronnx_lab.errors.MeasurementError
"""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot do what it was asked to."""


class SetupError(CommandError):
    """The environment, a package, or the files of tritonserver cannot be put in place."""


class AddressError(CommandError):
    """A server cannot listen on an address, or a URL names no server; also for the TLS files of an address."""


class KeyFileError(CommandError):
    """The key of the restricted APIs cannot be read or used; the message never contains the key."""


class RepositoryError(CommandError):
    """A model repository or a model in it is missing, or a configuration cannot be used."""


class DownloadError(CommandError):
    """Weights cannot be fetched, or differ from their checksum."""


class BuildError(CommandError):
    """A model of the catalogue cannot be built."""


class ModelFileError(CommandError):
    """A model file or its labels cannot be served; nothing was written."""


class StartError(CommandError):
    """A server did not start, or ended by itself."""


class NoAnswerError(CommandError):
    """A server does not answer over HTTP, or not in time."""
