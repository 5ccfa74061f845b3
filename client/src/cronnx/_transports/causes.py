"""The likely cause of a failed connection, from the words of gRPC, aiohttp and OpenSSL."""

from __future__ import annotations

import re

_SCHEMES = ("grpc", "http", "grpcs", "https")

# The first that matches counts. gRPC joins the words of several layers.
_CAUSES = [
    (r"refused|connect call failed", "connection refused; is the server running?"),
    (r"(name|address) (or service )?(not|lookup)|name resolution|dns|resolving", "unknown host name"),
    (r"wrong_version_number", "the port does not use TLS; use grpc:// or http://"),
    (r"hostname", "its certificate is for another host name; use a name that the certificate has"),
    (r"certificate_verify_failed", "its certificate is not trusted; name the authority's file in Tls(ca_file=...)"),
    (r"certificate_required|bad_certificate|handshake_failure", "it requires a client certificate; see Tls"),
    (
        r"handshaker shutdown|timed out|endpoint closing",
        "no answer while connecting; is the server stuck, the port wrong, or a firewall in between?",
    ),
    (r"settings frame|alpn|bad status line|expected http", "it speaks another protocol; try {others}"),
    (
        r"socket closed|reset by peer|disconnected|handshake|broken pipe|^$",
        "it hangs up; is the server running{client_certificate}, or is the protocol {others}?",
    ),
]
_LONGEST_REASON = 100


def likely_cause(reason: str, scheme: str) -> str:
    """Return why a connection failed and what to do, in few words.

    Args:
        reason: The words of the library that failed.
        scheme: The URL's: `grpc`, `grpcs`, `http` or `https`.
    """
    for pattern, cause in _CAUSES:
        if re.search(pattern, reason, re.IGNORECASE):
            *first, last = (f"{other}://" for other in _SCHEMES if other != scheme)
            certificate = ", does it require a client certificate" if scheme in ("grpcs", "https") else ""
            return cause.format(others=f"{', '.join(first)} or {last}", client_certificate=certificate)
    return f"{shortened(reason)}; is the server running?"


def shortened(text: str) -> str:
    """Return the text in one line of at most 100 characters, without HTML."""
    line = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 3]}..."
