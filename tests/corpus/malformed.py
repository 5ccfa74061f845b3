"""A request that is not as it should be, and what has to be answered."""

from __future__ import annotations

from dataclasses import dataclass

from cronnx_lab.fuzz.requests import Request

MODEL = "efficientnet_lite0"


@dataclass(frozen=True)
class Malformed:
    """A kind of request.

    Attributes:
        kind: what it is, unique.
        request: as it is sent.
        status: of the answer, by HTTP's numbers.
        message: a part of the refusal; "" where it is answered.
    """

    kind: str
    request: Request
    status: int = 400
    message: str = ""
