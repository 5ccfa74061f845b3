"""`timeout`, the deadline of a block of asynchronous code, for every version of Python.

`asyncio.wait_for` is no alternative: before Python 3.12 it loses a cancellation that comes together with the result.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

__all__ = ["timeout"]
