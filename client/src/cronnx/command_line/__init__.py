"""The command `cronnx`: parses and prints; the work is done by the client and by the nouns beside the commands.

A command is a module with its name, which adds itself to the parser and is called with the options and `Connect`.
"""

from cronnx.command_line._main import main

__all__ = ["main"]
