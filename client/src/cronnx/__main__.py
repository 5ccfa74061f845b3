"""Runs the command line as `python -m cronnx`."""

import sys

from cronnx.command_line import main

sys.exit(main())
