"""No export whose files are missing, damaged or wrong is served wrong in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from cronnx_server.errors import CommandError
from cronnx_server.paths import PICTURES
from tests.exported_models import ABSENT, EXPORTS, PHOTOGRAPHS, ExportedModel
from tests.unit.cronnx_server.exports.mislabelled import EVERY, Mislabelled
from tests.unit.cronnx_server.exports.mislabelled_real import REAL, RealVariant
from tests.unit.cronnx_server.exports.serving import serve
from tests.unit.cronnx_server.exports.test_planted import PHOTOGRAPH, check

SILENT = "wrong in silence"


def outcome(mislabelled: Mislabelled, folder: Path) -> tuple[str, str]:
    """How an export is served: `right`, `refused`, `warned` or wrong in silence; and the sentence that says so."""
    export = mislabelled.make()
    try:
        served = serve(export.write(folder / "export"), export.options, folder / "repositories")
    except CommandError as error:
        named = any(option in str(error) for option in mislabelled.options)
        return ("refused" if named else f"refused without {mislabelled.options}"), str(error)
    try:
        assert served.spec.task.value == export.task
        check(served.answers(PHOTOGRAPH)[0], export)
    except AssertionError:
        warning = _naming(served.warnings, mislabelled.options)
        return ("warned", warning) if warning else (SILENT, "; ".join(served.warnings))
    return "right", _naming(served.warnings, mislabelled.options)


def _naming(warnings: Iterable[str], options: Iterable[str]) -> str:
    return next((warning for warning in warnings if any(option in warning for option in options)), "")


def check_outcomes(outcomes: Mapping[str, tuple[str, str]]) -> None:
    """Print the table of outcomes; none may be wrong in silence."""
    for name, (result, said) in outcomes.items():
        print(f"{name:55} {result:10} {said[:110]}")
    accepted = ("right", "refused", "warned")
    assert {name: each for name, each in outcomes.items() if each[0] not in accepted} == {}


def test_no_planted_export_is_wrong_in_silence(tmp_path: Path) -> None:
    check_outcomes({each.name: outcome(each, tmp_path / str(number)) for number, each in enumerate(EVERY)})


def real_outcome(variant: RealVariant, folder: Path) -> tuple[str, str]:
    """How a real export is served whose files were changed."""
    model = ExportedModel(EXPORTS / variant.model)
    try:
        served = serve(variant.write(EXPORTS, folder / "export"), variant.arguments, folder / "repositories")
    except CommandError as error:
        named = any(option in str(error) for option in variant.options)
        return ("refused" if named else f"refused without {variant.options}"), str(error)
    warning = _naming(served.warnings, variant.options)
    for name in PHOTOGRAPHS:
        (answer,) = served.answers((PICTURES / name).read_bytes())
        if served.spec.task.value != model.task or model.differences(name, answer):
            return ("warned", warning) if warning else (SILENT, "; ".join(served.warnings))
    return "right", warning


@pytest.mark.skipif(not EXPORTS.is_dir(), reason=ABSENT)
def test_no_real_export_is_wrong_in_silence(tmp_path: Path) -> None:
    check_outcomes({each.name: real_outcome(each, tmp_path / str(number)) for number, each in enumerate(REAL)})
