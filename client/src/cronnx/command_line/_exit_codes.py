"""What a script can tell from the exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHABLE = 3
    INTERRUPTED = 130  # as the shell reports SIGINT
    BROKEN_PIPE = 141  # and SIGPIPE


EPILOG = f"""\
exit codes:
  {ExitCode.DONE:<3}  all was done
  {ExitCode.FAILED:<3}  some was not; standard error says what and why
  {ExitCode.USAGE:<3}  the command line or the output file cannot be used
  {ExitCode.NOT_REACHABLE:<3}  no server can be reached
  {ExitCode.INTERRUPTED}  interrupted (Ctrl-C)
  {ExitCode.BROKEN_PIPE}  the reader of standard output left
"""
