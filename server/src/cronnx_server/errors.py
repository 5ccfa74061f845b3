"""What makes a command fail. The text of each is one line for the user: what was expected, what came, what to do.

CommandError
├── SetupError       the environment, a package, or the files of tritonserver
├── AddressError     an address or a port that the server cannot listen on
├── KeyFileError     the key of the restricted APIs
├── RepositoryError  a model repository, or a configuration in it
├── DownloadError    weights that cannot be fetched, or that differ from their checksum
├── BuildError       a model of the catalogue
├── ModelFileError   a model file or its labels, as a user gave them
├── StartError       a server that did not start, or ended by itself
└── cronnx_lab.errors.MeasurementError
"""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot do what it was asked for."""


class SetupError(CommandError):
    """The environment, a package, or the files of tritonserver cannot be put in place."""


class AddressError(CommandError):
    """The server cannot listen on an address or a port."""


class KeyFileError(CommandError):
    """The key of the restricted APIs cannot be read or used; its text is never part of the message."""


class RepositoryError(CommandError):
    """A model repository is missing, or a configuration in it cannot be used."""


class DownloadError(CommandError):
    """Weights cannot be fetched, or differ from their checksum."""


class BuildError(CommandError):
    """A model of the catalogue cannot be built."""


class ModelFileError(CommandError):
    """A model file or its labels cannot be served; nothing was written."""


class StartError(CommandError):
    """A server did not start, or ended by itself."""
