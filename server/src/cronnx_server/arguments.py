"""Types of command-line arguments for argparse: each reads a text or raises ArgumentTypeError with what it expected."""

from __future__ import annotations

import argparse
import math
from urllib.parse import urlsplit


def positive_int(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got '{text}'")
    return int(text)


def positive_float(text: str) -> float:
    """Read a finite number above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got '{text}'")
    return number


def seconds(text: str) -> float:
    """Read a finite number of seconds above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got '{text}'")
    return number


def port(text: str) -> int:
    """Read a port to connect to or to listen on, 1 to 65535."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got '{text}'")
    return int(text)


def port_or_any(text: str) -> int:
    """Read a port to listen on, 0 to 65535; 0 is any free one."""
    return 0 if text == "0" else port(text)


def http_url(text: str) -> str:
    """Read the address of an HTTP or HTTPS service."""
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError(f"expected http://HOST:PORT or https://HOST:PORT, got '{text}'")
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
