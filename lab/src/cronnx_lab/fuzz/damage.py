"""Strategies for pictures that are damaged, or none."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import strategies as st

from cronnx_lab.fuzz.seeds import seeds
from cronnx_lab.fuzz.ways import Payload

# Where lengths, offsets and counts stand in most formats.
_HEADER = 100

# What overflows, wraps round, or is none: in one, two and four bytes, either end first.
_ODD_NUMBERS = [
    number.to_bytes(size, order)
    for size, numbers in ((1, (0, 1, 127, 255)), (2, (0, 1, 2**15, 2**16 - 1)), (4, (0, 2**31 - 1, 2**31, 2**32 - 1)))
    for number in numbers
    for order in ("little", "big")
]


@st.composite
def damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """A file cut, overwritten, with bits flipped, or parts lost, doubled or moved; up to eight times."""
    broken = bytearray(draw(files))
    for _ in range(draw(st.integers(1, 8))):
        if broken:
            _damage(draw, broken)
    return bytes(broken)


def _damage(draw: st.DrawFn, broken: bytearray) -> None:
    reach = len(broken) if draw(st.booleans()) else min(_HEADER, len(broken))
    position = draw(st.integers(0, reach - 1))
    match draw(st.sampled_from(("number", "flip", "noise", "cut", "lose", "double"))):
        case "number":
            odd = draw(st.sampled_from(_ODD_NUMBERS))
            broken[position : position + len(odd)] = odd
        case "flip":
            broken[position] ^= 1 << draw(st.integers(0, 7))
        case "noise":
            noise = draw(st.binary(min_size=1, max_size=16))
            broken[position : position + len(noise)] = noise
        case "cut":
            del broken[position:]
        case "lose":
            del broken[position : position + draw(st.integers(1, 64))]
        case "double":
            part = broken[position : position + draw(st.integers(1, 64))]
            broken[position:position] = part


_FILES = st.sampled_from(seeds())
_MAGIC = st.sampled_from([seed[:12] for seed in seeds()])
_TEXTS = damaged(
    st.sampled_from([b64encode(seed) for seed in seeds()] + [b"data:image/png;base64," + b64encode(seeds()[5])])
)


def files() -> st.SearchStrategy[bytes]:
    """Bytes sent as an image file: mostly damaged ones, else noise, with the beginning of a format or without."""
    noise = st.builds(bytes.__add__, _MAGIC, st.binary(max_size=300)) | st.binary(max_size=300)
    return damaged(_FILES) | damaged(_FILES) | damaged(_FILES) | noise


def payloads() -> st.SearchStrategy[Payload]:
    """A file, or a text that is to carry one."""
    texts = st.text(max_size=200).map(str.encode) | _TEXTS.filter(_is_text)
    return files().map(Payload) | files().map(Payload) | texts.map(lambda text: Payload(text, is_text=True))


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
