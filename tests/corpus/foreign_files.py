"""Files that are not pictures, or pictures of a format that is not accepted."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np

from cronnx_lab.fuzz.images import encode, photo
from tests.corpus.pictures import NO_IMAGE, Picture, unreadable


def _zip(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _random() -> bytes:
    return b"\x00" + np.random.default_rng(seed=11).bytes(5000)


FOREIGN = [
    Picture("empty", lambda: b"", "expected an image file, got 0 bytes"),
    Picture("one zero byte", lambda: b"\0", NO_IMAGE),
    Picture("zero bytes", lambda: b"\0" * 4096, NO_IMAGE),
    Picture("random bytes", _random, NO_IMAGE),
    Picture("HTML", lambda: b"<!DOCTYPE html><html><img src=x></html>", NO_IMAGE),
    Picture("SVG", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>', NO_IMAGE),
    Picture(
        "SVG with an entity bomb", lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaa">]><svg/>', NO_IMAGE
    ),
    Picture("PDF", lambda: b"%PDF-1.7\n1 0 obj", NO_IMAGE),
    Picture("PostScript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", NO_IMAGE),
    Picture("JSON", lambda: b'{"image": "x"}', NO_IMAGE),
    Picture("a pickle", lambda: b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins\x94.", NO_IMAGE),
    Picture("an ELF program", lambda: b"\x7fELF\x02\x01\x01" + b"\0" * 57, NO_IMAGE),
    Picture("a shell script", lambda: b"#!/bin/sh\nrm -rf /\n", NO_IMAGE),
    Picture("a zip", lambda: _zip("photo.txt", b"x" * 1000), NO_IMAGE),
    Picture("a zip of a zip", lambda: _zip("a.zip", _zip("b.zip", b"\0" * 10**6)), NO_IMAGE),
    Picture("a picture in a zip", lambda: _zip("photo.jpg", encode(photo(), "JPEG")), NO_IMAGE),
    Picture("a picture in gzip", lambda: gzip.compress(encode(photo(), "JPEG")), NO_IMAGE),
    Picture("ICO", lambda: encode(photo(), "ICO"), NO_IMAGE),
    Picture("PPM", lambda: encode(photo(), "PPM"), NO_IMAGE),
    Picture("JPEG 2000", lambda: encode(photo(), "JPEG2000"), NO_IMAGE),
    Picture("HEIC", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", NO_IMAGE),
    Picture("MP4", lambda: b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", NO_IMAGE),
    Picture("a WAV, RIFF as WebP is", lambda: b"RIFF\x24\0\0\0WAVEfmt ", NO_IMAGE),
    Picture("JPEG behind a space", lambda: b" " + encode(photo(), "JPEG"), NO_IMAGE),
    Picture("JPEG with a wrong magic", lambda: b"\xff\xd9" + encode(photo(), "JPEG")[2:], NO_IMAGE),
    Picture("GIF of version 88a", lambda: b"GIF88a" + encode(photo(), "GIF")[6:], NO_IMAGE),
    Picture("PNG sent as text", lambda: encode(photo(), "PNG").replace(b"\r\n", b"\n", 1), NO_IMAGE),
    Picture("JPEG as UTF-8", lambda: encode(photo(), "JPEG").decode("latin-1").encode(), NO_IMAGE),
    Picture("PNG's magic before a JPEG", lambda: b"\x89PNG\r\n\x1a\n" + encode(photo(), "JPEG"), unreadable("PNG")),
    Picture("a mere JPEG magic", lambda: b"\xff\xd8\xff", unreadable("JPEG")),
    Picture("a mere BMP magic", lambda: b"BM", unreadable("BMP")),
    Picture("a text that begins like a BMP", lambda: b"BMW 320i, first registration 1997", unreadable("BMP")),
]
