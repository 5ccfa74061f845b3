"""The command line `cronnx`. Each command is a module that parses its options, calls the client and prints."""

from cronnx.command_line._main import main

__all__ = ["main"]
