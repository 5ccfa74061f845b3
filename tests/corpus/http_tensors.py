"""Tensors with wrong names, types, shapes, data or lengths."""

from __future__ import annotations

import gzip
import json

from tests.corpus.http_requests import (
    ABSENT,
    FILE,
    MISREAD,
    NO_JSON,
    NO_PICTURE,
    ONE_SOURCE,
    TENSOR,
    TEXT,
    binary,
    document,
    element,
    infer,
    tensor,
)

TENSORS = [
    tensor("a wrong name", "unexpected inference input 'picture'", name="picture"),
    tensor("an empty name", "unexpected inference input ''", name=""),
    tensor("no name", "Unable to parse 'name'", MISREAD, name=ABSENT),
    tensor("a name that is a number", "Unable to parse 'name'", MISREAD, name=1),
    tensor("no datatype", "Unable to parse 'datatype'", MISREAD, datatype=ABSENT),
    tensor("an unknown datatype", "invalid datatype", datatype="STRING"),
    tensor("a datatype that is a number", "Unable to parse 'datatype'", MISREAD, datatype=9),
    tensor("UINT8", "inference input 'image' data-type is 'UINT8'", datatype="UINT8", data=[1]),
    tensor("FP32", "inference input 'image' data-type is 'FP32'", datatype="FP32", data=[0.5]),
    tensor("no shape", "Unable to parse 'shape'", MISREAD, shape=ABSENT),
    tensor("a shape that is a number", "Unable to parse 'shape'", MISREAD, shape=1),
    tensor("a shape of texts", "Unable to parse 'shape'", MISREAD, shape=["1", "1"]),
    tensor("a shape of fractions", "Unable to parse 'shape'", MISREAD, shape=[1.5, 1]),
    tensor("a shape of no dims", "input 'image' has no shape but model requires batch dimension", shape=[]),
    tensor("a shape of one dim", "unexpected shape for input 'image'", shape=[1]),
    tensor("a shape of three dims", "unexpected shape for input 'image'", shape=[1, 1, 1]),
    tensor("a shape of two columns", "unexpected shape for input 'image'", shape=[1, 2], data=[TEXT, TEXT]),
    tensor("a shape of none", "expected 1 string elements", shape=[0, 1], data=[]),
    tensor("a shape below zero", "Unable to parse 'shape'", MISREAD, shape=[-1, 1]),
    tensor("a shape of more than there are", "expected 2 string elements", shape=[2, 1]),
    tensor("a shape of fewer than there are", "unexpected number of string elements 2", data=[TEXT, TEXT]),
    tensor("more than a batch", "inference request batch-size must be <= 16", shape=[17, 1], data=[TEXT] * 17),
    # Triton counts a batch in 32 bits.
    tensor("a shape of 2^40", "", 200, shape=[2**40, 1]),
    tensor("a shape of 2^32 + 1", "", 200, shape=[2**32 + 1, 1]),
    tensor("a shape of 2^32 + 17", "inference request batch-size must be <= 16", shape=[2**32 + 17, 1]),
    tensor("a shape of 2^62 times 4", "unexpected shape for input 'image'", shape=[2**62, 4]),
    tensor("a shape of 2^64", "Unable to parse 'shape'", MISREAD, shape=[2**64, 1]),
    tensor(
        "no data",
        ONE_SOURCE,
        data=ABSENT,
    ),
    tensor("data null", "Unable to parse 'data'", MISREAD, data=None),
    tensor("data a text", "Unable to parse 'data'", MISREAD, data=TEXT),
    tensor("data an object", "Unable to parse 'data'", MISREAD, data={"0": TEXT}),
    tensor("data of numbers", "Unable to parse JSON bytes array", MISREAD, data=[255]),
    tensor("data of null", "Unable to parse JSON bytes array", MISREAD, data=[None]),
    tensor("data of objects", "Unable to parse JSON bytes array", MISREAD, data=[{"b64": TEXT}]),
    tensor("data nested once more than its shape", "", status=200, data=[[[TEXT]]]),
    tensor(
        "data nested a hundred deep",
        NO_PICTURE,
        data=json.loads("[" * 100 + '"x"' + "]" * 100),
    ),
    tensor(
        "shared memory that is none",
        "Unable to find shared memory region: 'x'",
        404,
        data=ABSENT,
        parameters={"shared_memory_region": "x", "shared_memory_byte_size": 9},
    ),
    tensor(
        "binary data that is none",
        "unexpected size for input 'image', expecting 9 additional bytes",
        data=ABSENT,
        parameters={"binary_data_size": 9},
    ),
    tensor(
        "a negative size of binary data",
        "Unable to parse 'binary_data_size'",
        MISREAD,
        data=ABSENT,
        parameters={"binary_data_size": -1},
    ),
]


BINARY = [
    binary("a length of 4 GB", element(FILE, 2**32 - 1), "incomplete string data"),
    binary("a length too long by one", element(FILE, len(FILE) + 1), "incomplete string data"),
    binary("a length too short by one", element(FILE, len(FILE) - 1), "incomplete string length indicator"),
    binary("half a length", b"\1\0", "incomplete string length indicator"),
    binary("nothing", b"", "expected 1 string elements"),
    binary("two elements for one", element(FILE) * 2, "unexpected number of string elements 2"),
    binary("one element for two", element(FILE), "expected 2 string elements", shape=[2, 1]),
    binary(
        "more than is there",
        element(FILE),
        "unexpected size for input 'image', expecting 998771 additional bytes",
        parameters={"binary_data_size": 10**6},
    ),
    binary(
        "less than is there", element(FILE), "unexpected additional input data", parameters={"binary_data_size": 10}
    ),
    binary(
        "2^63 bytes",
        element(FILE),
        "unexpected size for input 'image', expecting 9223372036854774579 additional bytes",
        parameters={"binary_data_size": 2**63},
    ),
    binary(
        "a size that is a text",
        element(FILE),
        "Unable to parse 'binary_data_size'",
        MISREAD,
        parameters={"binary_data_size": "all"},
    ),
    binary(
        "data as well",
        element(FILE),
        ONE_SOURCE,
        data=[TEXT],
    ),
    infer(
        "a header longer than the body",
        document(TENSOR),
        "inference header size should be in range",
        Inference_Header_Content_Length="999999",
    ),
    infer(
        "a header below zero",
        document(TENSOR),
        "inference header size should be in range",
        Inference_Header_Content_Length="-1",
    ),
    infer(
        "a header that is no number",
        document(TENSOR),
        NO_PICTURE,
        Inference_Header_Content_Length="long",
    ),
    infer(
        "a header that ends within the JSON",
        document(TENSOR),
        NO_JSON,
        MISREAD,
        Inference_Header_Content_Length="20",
    ),
    infer(
        "gzip that is none",
        document(TENSOR),
        "image[0]: expected an image file, got 0 bytes",
        Content_Encoding="gzip",
    ),
    infer(
        "gzip cut short",
        gzip.compress(document(TENSOR))[:-30],
        NO_JSON,
        MISREAD,
        Content_Encoding="gzip",
    ),
    infer(
        "deflate that is none",
        document(TENSOR),
        "image[0]: expected an image file, got 0 bytes",
        Content_Encoding="deflate",
    ),
    infer("an unknown encoding", document(TENSOR), "Unsupported compression type", 501, Content_Encoding="br"),
    infer("gzip", gzip.compress(document(TENSOR)), "", 200, Content_Encoding="gzip"),
]
