"""Images at http(s) addresses, fetched by the client.

The request comes from the caller's machine and network. It carries no key, header, cookie or password of the caller.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from yarl import URL

from cronnx._errors import InvalidInput
from cronnx._timeout import timeout
from cronnx._transports.causes import likely_cause, shortened

MAX_BYTES = 64 * 2**20
MAX_REDIRECTS = 5
TIMEOUT_S = 30.0

_OK = 200
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK_BYTES = 2**16
# Compressed content could unpack to any size, and images are compressed already.
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity"}
_LONGEST_SHOWN = 100


class _RefusedError(Exception):
    """Why an address or its answer is refused."""


def download_and_wait(address: str) -> bytes:
    """Return what `download` does, to a caller that is not asynchronous."""
    with ThreadPoolExecutor(1) as thread:  # the caller's own thread may run an event loop
        return thread.submit(asyncio.run, download(address)).result()


async def download(address: str, *, timeout_s: float = TIMEOUT_S, max_bytes: int = MAX_BYTES) -> bytes:
    """Fetch an image.

    Args:
        address: An http(s) address without a user or a password. At most 5 redirects are followed, to http(s) only,
            and from https to https only.
        timeout_s: The time for all of it, in seconds.
        max_bytes: The largest content accepted, in bytes.

    Raises:
        InvalidInput: There is no such image, or it is refused; the message shows the address without its query.
    """
    try:
        async with timeout(timeout_s):
            return await _followed(address, max_bytes)
    except _RefusedError as error:
        reason = str(error)
    except asyncio.TimeoutError:
        reason = f"not complete within {timeout_s:g} s"
    except (aiohttp.ClientConnectionError, OSError) as error:
        scheme = "https" if address[:8].lower() == "https://" else "http"
        reason = likely_cause(str(getattr(error, "os_error", error)), scheme).partition(";")[0]
    except (aiohttp.ClientError, ValueError) as error:  # ValueError: not an address
        reason = shortened(str(error))
    raise InvalidInput(f"cannot fetch image {_shown(address)}: {reason}")


async def _followed(address: str, max_bytes: int) -> bytes:
    session = aiohttp.ClientSession(
        headers=_HEADERS,
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,  # it would send the passwords in ~/.netrc
    )
    async with session:
        url = _checked(URL(address))
        for _ in range(MAX_REDIRECTS + 1):
            async with session.get(url, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None:
                    return await _content(response, max_bytes)
            url = _checked(url.join(URL(location)), before=url)
    raise _RefusedError(f"expected at most {MAX_REDIRECTS} redirects, got more")


def _checked(url: URL, *, before: URL | None = None) -> URL:
    if url.scheme not in ("http", "https") or not url.host:
        raise _RefusedError(f"expected a redirect to http or https, got one to {url.scheme or 'no host'}")
    if before is not None and before.scheme == "https" and url.scheme != "https":
        raise _RefusedError("expected a redirect to https, got one to http")
    if url.user is not None or url.password is not None:
        raise _RefusedError("expected an address without a user or password; fetch it yourself, and give the bytes")
    return url


async def _content(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if response.status != _OK:
        raise _RefusedError(f"expected the status 200, got {response.status}")
    content = bytearray()
    if (response.content_length or 0) <= max_bytes:
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            content += chunk
            if len(content) > max_bytes:
                break
        else:
            return bytes(content)
    raise _RefusedError(f"expected at most {max_bytes} bytes, got more")


def _shown(address: str) -> str:
    """Return an address without its query and password, which may be secret."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    place = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    return repr(place if len(place) <= _LONGEST_SHOWN else f"{place[: _LONGEST_SHOWN - 3]}...")
