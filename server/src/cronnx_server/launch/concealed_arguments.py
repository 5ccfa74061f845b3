"""Start a program with arguments that no process list shows.

Triton takes the key of its restricted APIs as an argument and in no other way, and any user of a machine can read any
process's arguments. Its environment, only the same user can. So such an argument is given to the kernel as an entry of
the environment, and its name alone as the argument. Both reach the new program as arrays of pointers on its stack, and
before its first instruction another process, which traces this one until then, swaps the two pointers. Where that is
not permitted, the program is not started.

Sources: proc(5), ptrace(2); https://github.com/triton-inference-server/server/issues/7183 on keys out of files.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SHOWN = "(concealed)"
VARIABLE = "CRONNX_CONCEALED_ARGUMENTS"

_PTRACE_CONT, _PTRACE_DETACH, _PTRACE_SEIZE = 7, 17, 0x4206
_PTRACE_O_TRACEEXEC, _PTRACE_EVENT_EXEC = 1 << 4, 4
_PR_SET_PTRACER, _PR_SET_PTRACER_ANY = 0x59616D61, -1
_START_STACK = 25  # the stack's address in /proc/PID/stat, counted from what follows the program's name
_WORD = struct.Struct("=Q")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long]
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_long] * 4]


def concealing(
    command: Sequence[str], environment: Mapping[str, str], arguments: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """What to start, and in which environment, for `command` to get these arguments as well.

    Args:
        command: a program and its visible arguments.
        environment: its environment variables.
        arguments: those that are concealed, all but their names: `--NAME=VALUE`, of one line.
    """
    return [sys.executable, "-I", str(Path(__file__).resolve()), *command], {
        **environment,
        VARIABLE: "\n".join(arguments),
    }


def main() -> int:
    """Become the program that the arguments name; the exit status where that fails."""
    program, *shown = sys.argv[1:]
    concealed = dict(argument.split("=", 1) for argument in os.environ.pop(VARIABLE).splitlines())
    arguments = [program, *shown, *(f"{name}={SHOWN}" for name in concealed)]
    try:
        _be_traced([(1 + len(shown) + index, index) for index in range(len(concealed))])
        os.execvpe(program, arguments, {**concealed, **os.environ})  # noqa: S606 - the program that the caller names
    except OSError as error:
        print(f"cannot start {program} with concealed arguments: {error.strerror}; see SECURITY.md", file=sys.stderr)
    return 1


def _be_traced(places: Sequence[tuple[int, int]]) -> None:
    """Return as soon as a process waits for this one's `exec`, to swap arguments for environment entries."""
    reading, writing = os.pipe()
    _libc.prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)  # Yama asks for it; elsewhere it is not known
    traced = os.getpid()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:  # a child's child: nobody has to wait for its end
            _trace(traced, places, writing)
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    refusal = os.read(reading, 1)
    os.close(reading)
    if refusal != b"\0":
        number = ord(refusal or b"\1")
        raise OSError(number, f"one process may not trace another here ({os.strerror(number)})")


def _trace(pid: int, places: Sequence[tuple[int, int]], writing: int) -> None:
    """Swap at the process's next `exec`; never returns."""
    try:
        refusal = 0 if _libc.ptrace(_PTRACE_SEIZE, pid, 0, _PTRACE_O_TRACEEXEC) == 0 else ctypes.get_errno()
        os.write(writing, bytes([refusal]))
        os.close(writing)
        while not refusal and os.WIFSTOPPED(status := os.waitpid(pid, 0)[1]):
            if status >> 16 == _PTRACE_EVENT_EXEC:
                _swap(pid, places)
                _libc.ptrace(_PTRACE_DETACH, pid, 0, 0)
                break
            _libc.ptrace(_PTRACE_CONT, pid, 0, os.WSTOPSIG(status))
    except BaseException:  # noqa: BLE001 - the program must not run on with what only looks like its arguments
        os.kill(pid, signal.SIGKILL)
    finally:
        os._exit(0)


def _swap(pid: int, places: Sequence[tuple[int, int]]) -> None:
    """Swap the pointers to these arguments for those to these entries of the environment."""
    facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    stack = int(facts[_START_STACK])  # the number of arguments, their pointers, 0, the environment's pointers, 0
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:

        def word(address: int) -> int:
            memory.seek(address)
            return int(_WORD.unpack(memory.read(_WORD.size))[0])

        arguments = stack + _WORD.size
        entries = arguments + _WORD.size * (word(stack) + 1)
        for argument, entry in places:
            one, other = arguments + _WORD.size * argument, entries + _WORD.size * entry
            values = word(one), word(other)
            for address, value in zip((other, one), values, strict=True):
                memory.seek(address)
                memory.write(_WORD.pack(value))


if __name__ == "__main__":
    sys.exit(main())
