from __future__ import annotations

import pickle

import cronnx
from cronnx import _errors


def test_unknown_attributes_are_none() -> None:
    error = cronnx.CronnxError("no")
    assert (error.model_name, error.request_id, error.server_message, error.images) == (None,) * 4


def test_invalid_input_is_a_value_error() -> None:
    assert issubclass(cronnx.InvalidInput, ValueError)


def test_an_error_crosses_process_boundaries_with_its_attributes() -> None:
    error = cronnx.Overloaded("full", model_name="m", request_id="r1", server_message="Exceeds")
    error.images = range(4, 8)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is cronnx.Overloaded
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_the_modules_docstring_draws_every_error() -> None:
    drawn = [line.split()[1] for line in (_errors.__doc__ or "").splitlines() if line[:1] in "├└" and line]
    assert drawn == [kind.__name__ for kind in cronnx.CronnxError.__subclasses__()]


def test_a_lost_request_counts_as_sent_by_default() -> None:
    assert cronnx.ConnectionFailed("gone").request_sent
