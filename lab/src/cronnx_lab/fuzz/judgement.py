"""Judges answers: the status must be expected, and the message fit for a caller."""

from __future__ import annotations

import re
from collections.abc import Collection

from cronnx_lab.fuzz.requests import Answer

LONGEST_MESSAGE = 500

# A traceback, a path, a memory address or a C++ type helps an attacker and no caller.
_LEAK = re.compile(r"Traceback|File \"|\.(py|so|cc|h)\b|\b0x[0-9a-f]{6,}|/(home|opt|root|srv|tmp|usr)/|std::|NoneType")

# Triton answers INTERNAL to unexpected JSON or protobuf. Any other INTERNAL is the server's own fault.
_MISREAD = re.compile(
    r"failed to (parse the request JSON|get request params)|[Uu]nable to (parse|set) |attempt to |parameter key '"
)

# Triton 24.10 fails a whole batch if one BYTES element is shorter than its length says: docs/triton.md.
NEIGHBOUR_ERROR = "incomplete string "

# The caller chooses the request id, of any length.
_REQUEST_ID = re.compile(r"^\[request id: .*?\] ", re.DOTALL)


def message_fault(message: str, *, sent: bytes = b"") -> str | None:
    """Say why a message is unfit for a caller; None if it is fit. It may repeat what the caller `sent`."""
    text = _REQUEST_ID.sub("", message)
    if not text.strip():
        return "it is empty"
    if len(text) > LONGEST_MESSAGE:
        return f"it has {len(text)} characters, expected at most {LONGEST_MESSAGE}"
    if (leak := _LEAK.search(text)) and leak[0].encode() not in sent:
        return f"it reveals {leak[0]!r}"
    return None


def answer_fault(answer: Answer, *, statuses: Collection[int]) -> str | None:
    """Say what is wrong with an answer; None if it has one of these statuses and a fit message."""
    if answer.status not in statuses or (answer.status == 500 and not _MISREAD.match(answer.message)):
        return f"expected a status of {sorted(statuses)}, got {answer.status}: {answer.message[:LONGEST_MESSAGE]}"
    if answer.status != 200 and (unfit := message_fault(answer.message)):
        return f"status {answer.status} with an unfit message, {unfit}: {answer.message[:LONGEST_MESSAGE]}"
    return None
