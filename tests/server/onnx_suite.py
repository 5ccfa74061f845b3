"""The ONNX project's backend test suite, from the package `onnx`, and the lists of cases that cannot pass.

Each ONNX Runtime that the project is locked to has a list; Python 3.10 has an older one. The module prints the list of
the installed ONNX Runtime.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from cronnx_onnxruntime.datatypes import DATA_TYPES

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Infer = Callable[[Arrays], Mapping[str, Array]]

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")  # the others are large models to download
SAMPLED = 5  # of as many cases one runs by default
LISTS = Path(__file__).with_name("onnx_suite_lists")
_HEADING = "# "

NOT_A_TENSOR = "a sequence or optional as input or output, which Triton does not support"
NO_TYPE = "a tensor of a type that Triton's onnxruntime backend does not support"
TOO_NEW = "a model of a newer ONNX version than this ONNX Runtime reads"
NOT_LOADED = "a model that this ONNX Runtime does not load on the CPU"
NOT_RUN = "a model that this ONNX Runtime loads but does not run, or runs with another result"
EMPTY = "a dimension of 0 in the graph, which a model configuration cannot express"
NO_INPUT = "a graph without inputs; a request needs at least one"

QUIET = 4  # ONNX Runtime's `fatal`: hundreds of cases are meant to fail


@dataclass(frozen=True)
class Case:
    """A model with one or more pairs of inputs and expected outputs."""

    name: str
    model: onnx.ModelProto
    data_sets: Sequence[tuple[Arrays, Arrays]]
    rtol: float
    atol: float

    def check(self, infer: Infer) -> None:
        """Compare the answers of `infer` with the expected outputs, types and shapes included.

        Raises:
            AssertionError: An answer differs.
        """
        for inputs, outputs in self.data_sets:
            answer = infer(inputs)
            for name, expected in outputs.items():
                _check_array(answer[name], expected, rtol=self.rtol, atol=self.atol)

    @property
    def traits(self) -> set[tuple[str, str, int]]:
        """The element types and the numbers of dimensions of the inputs and of the outputs."""
        found = set()
        for side, values in (("input", self.model.graph.input), ("output", self.model.graph.output)):
            for tensor in (value.type.tensor_type for value in values):
                found |= {(side, "type", tensor.elem_type), (side, "dimensions", len(tensor.shape.dim))}
        return found


def cases() -> Iterator[Case]:
    """Return every case; a case with an input or output that is not a tensor has no data."""
    for kind in KINDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some cases compute infinities and NaN on purpose
            found = load_model_tests(kind=kind)
        yield from map(_case, found)


def reason_without_server(case: Case) -> str | None:
    """Return why no server can pass a case, or None if ONNX Runtime gives the expected outputs in this process."""
    if not _is_of_tensors(case.model):
        return NOT_A_TENSOR
    try:
        session = _session(case.model)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors share no base
        return TOO_NEW if "Unsupported model IR version" in str(error) else NOT_LOADED
    tensors = [*session.get_inputs(), *session.get_outputs()]
    if any(tensor.type not in DATA_TYPES for tensor in tensors):
        return NO_TYPE
    try:
        case.check(lambda inputs: _run(session, inputs))
    except Exception:  # noqa: BLE001 - as above, or another answer
        return NOT_RUN
    if not session.get_inputs():
        return NO_INPUT
    return EMPTY if any(0 in tensor.shape for tensor in tensors) else None


def sample(cases: Sequence[Case]) -> list[Case]:
    """Return one case of `SAMPLED`, the same ones each time."""
    return sorted(cases, key=lambda case: case.name)[::SAMPLED]


def covering(cases: Sequence[Case]) -> list[Case]:
    """Return a few cases that have every element type and every number of dimensions between them."""
    missing = set[tuple[str, str, int]]().union(*(case.traits for case in cases))
    chosen = []
    while missing:
        chosen.append(max(cases, key=lambda case: len(case.traits & missing)))
        missing -= chosen[-1].traits
    return chosen


def listed(version: str = onnxruntime.__version__) -> dict[str, str]:
    """Return the reason for each case in the list of an ONNX Runtime, by the case's name."""
    reasons, reason = {}, ""
    for line in (LISTS / f"onnxruntime-{version}.txt").read_text().splitlines():
        if line.startswith(_HEADING):
            reason = line.removeprefix(_HEADING)
        elif line:
            reasons[line] = reason
    return reasons


def _case(found: TestCase) -> Case:
    folder = Path(found.model_dir) if found.model_dir else None
    model = onnx.load(folder / "model.onnx") if folder else found.model
    assert model is not None
    if not _is_of_tensors(model):
        return Case(found.name, model, (), found.rtol, found.atol)
    constants = {constant.name for constant in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in constants]
    outputs = [value.name for value in model.graph.output]
    stored = _stored(folder) if folder else found.data_sets or ()
    data_sets = [(_named(inputs, given), _named(outputs, expected)) for given, expected in stored]
    return Case(found.name, model, data_sets, found.rtol, found.atol)


def _is_of_tensors(model: onnx.ModelProto) -> bool:
    values = (*model.graph.input, *model.graph.output)
    return all(value.type.WhichOneof("value") == "tensor_type" for value in values)


def _stored(folder: Path) -> Iterator[tuple[list[Array], list[Array]]]:
    for data_set in sorted(folder.glob("test_data_set_*")):
        yield _arrays(data_set, "input"), _arrays(data_set, "output")


def _arrays(data_set: Path, kind: str) -> list[Array]:
    files = (data_set / f"{kind}_{number}.pb" for number in range(len(list(data_set.glob(f"{kind}_*.pb")))))
    return [numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes())) for file in files]


def _named(names: Sequence[str], arrays: Sequence[Any]) -> Arrays:
    return {name: np.asarray(array) for name, array in zip(names, arrays, strict=False) if array is not None}


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, inputs: Arrays) -> Arrays:
    names = [tensor.name for tensor in session.get_outputs()]
    options = onnxruntime.RunOptions()
    options.log_severity_level = QUIET
    return dict(zip(names, session.run(names, inputs, options), strict=True))


def _check_array(actual: Array, expected: Array, *, rtol: float, atol: float) -> None:
    if expected.dtype.kind in "OUS":
        assert as_text(actual).tolist() == as_text(expected).tolist()
        return
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def as_text(array: Array) -> Array:
    """Return an array of `bytes` or `str` as an array of `str`."""
    elements = [each.decode() if isinstance(each, bytes) else str(each) for each in array.ravel()]
    return np.array(elements, dtype=object).reshape(array.shape)


def main() -> None:
    """Print the list: the reasons as headings, the cases of each below it in order."""
    reasons = {case.name: reason for case in cases() if (reason := reason_without_server(case))}
    for reason in sorted(set(reasons.values())):
        print(f"{_HEADING}{reason}", *sorted(name for name in reasons if reasons[name] == reason), "", sep="\n")


if __name__ == "__main__":
    main()
