"""Keeps answers for requests that come again.

Triton's own response cache finds an answer by a 64-bit hash of the inputs alone: a request for other outputs, a failure
or a collision leaves a wrong answer there for everybody. Here the key is everything that an answer depends on, and
errors are not kept.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cronnx_onnxruntime.errors import InferenceError

if TYPE_CHECKING:  # scripts/serve needs the name of the variable, not ONNX Runtime
    from cronnx_onnxruntime.batches import Array
    from cronnx_onnxruntime.runner import Answer, Request
    from cronnx_onnxruntime.signature import Config

VARIABLE = "CRONNX_CACHE_BYTES"
"""The environment variable with the size of the cache of one instance, in bytes; without it there is none."""

_ENTRY_BYTES = 500  # about what Python needs for the key and the objects of an entry
_ELEMENT_BYTES = 64  # and for an element of text


def cache_bytes(config: Config, variable: str) -> int:
    """The size of an instance's cache: that of the environment variable if the configuration asks for a cache."""
    return int(variable or 0) if config.get("response_cache", {}).get("enable") else 0


class CachedAnswers:
    """Answers requests that came before from memory, and forgets the least recently used answers first."""

    def __init__(
        self,
        run: Callable[[Sequence[Request]], Sequence[Answer]],
        *,
        most_bytes: int,
        count: Callable[[int, int], object] = lambda hits, misses: None,  # noqa: ARG005 - the signature
    ) -> None:
        """Prepare an empty cache.

        Args:
            run: Answers requests.
            most_bytes: The size of the cache, in bytes.
            count: Called with the hits and the misses of each batch.
        """
        self._run, self._most_bytes, self._count = run, most_bytes, count
        self._answers: OrderedDict[bytes, dict[str, Array]] = OrderedDict()
        self._bytes = 0

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request, in order; only those that are not in the cache are run."""
        keys = [_key(request) for request in requests]
        found = [self._get(key) for key in keys]
        missing = [index for index, answer in enumerate(found) if answer is None]
        self._count(len(found) - len(missing), len(missing))
        ran = self._run([requests[index] for index in missing]) if missing else []
        for index, answer in zip(missing, ran, strict=True):
            found[index] = answer
            if not isinstance(answer, InferenceError):
                self._put(keys[index], {name: answer[name].copy() for name in requests[index].wanted})
        return [answer for answer in found if answer is not None]

    def _get(self, key: bytes) -> Answer | None:
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def _put(self, key: bytes, answer: dict[str, Array]) -> None:
        if key in self._answers:  # the same request twice in a batch
            return
        self._answers[key] = answer
        self._bytes += _size(answer)
        while self._bytes > self._most_bytes:
            self._bytes -= _size(self._answers.popitem(last=False)[1])


def _key(request: Request) -> bytes:
    digest = hashlib.blake2b(repr(sorted(request.wanted)).encode(), digest_size=32)
    for name, array in sorted(request.inputs.items()):
        digest.update(repr((name, array.shape, array.dtype.str)).encode())
        if array.dtype.hasobject:
            for element in array.ravel():
                digest.update(len(element).to_bytes(8, "little"))
                digest.update(element)
        else:
            digest.update(array.data if array.flags.c_contiguous else array.tobytes())
    return digest.digest()


def _size(answer: dict[str, Array]) -> int:
    return _ENTRY_BYTES + sum(map(_array_bytes, answer.values()))


def _array_bytes(array: Array) -> int:
    if not array.dtype.hasobject:
        return array.nbytes
    return sum(_ELEMENT_BYTES + len(element) for element in array.ravel())
