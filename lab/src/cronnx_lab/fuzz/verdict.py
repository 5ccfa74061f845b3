"""What a server may answer, whatever came."""

from __future__ import annotations

import re
from collections.abc import Collection

from cronnx_lab.fuzz.wire import Answer

LONGEST_MESSAGE = 500

# A traceback, a path, an address in memory, a C++ type: nothing of it helps a caller, all of it helps an attacker.
_LEAK = re.compile(r"Traceback|File \"|\.(py|so|cc|h)\b|\b0x[0-9a-f]{6,}|/(home|opt|root|srv|tmp|usr)/|std::|NoneType")

# Triton answers INTERNAL where JSON or protobuf is not what it expects; in any other case it is the server's own fault.
_MISREAD = re.compile(
    r"failed to (parse the request JSON|get request params)|[Uu]nable to (parse|set) |attempt to |parameter key '"
)

# Triton 24.10 fails a whole batch for one element of BYTES that is shorter than its length says: docs/triton.md.
OF_A_NEIGHBOUR = "incomplete string "


# Of the caller's own making, however long it is.
_REQUEST_ID = re.compile(r"^\[request id: .*?\] ", re.DOTALL)


def complaint(message: str, *, sent: bytes = b"") -> str | None:
    """What makes a message unfit for a caller, None where it is fit; what the caller has `sent` it may repeat."""
    text = _REQUEST_ID.sub("", message)
    if not text.strip():
        return "it says nothing"
    if len(text) > LONGEST_MESSAGE:
        return f"it has {len(text)} characters, at most {LONGEST_MESSAGE} are read"
    if (leak := _LEAK.search(text)) and leak[0].encode() not in sent:
        return f"it shows {leak[0]!r} of the server"
    return None


def wrong(answer: Answer, *, statuses: Collection[int]) -> str | None:
    """What is wrong with an answer of which one of `statuses` was expected; None where nothing is."""
    if answer.status not in statuses or (answer.status == 500 and not _MISREAD.match(answer.message)):
        return f"status {answer.status}, expected one of {sorted(statuses)}: {answer.message[:LONGEST_MESSAGE]}"
    if answer.status != 200 and (unfit := complaint(answer.message)):
        return f"status {answer.status} with a message of which {unfit}: {answer.message[:LONGEST_MESSAGE]}"
    return None
