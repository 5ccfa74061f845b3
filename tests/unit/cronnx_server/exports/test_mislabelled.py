"""No export whose files are missing, damaged or wrong is served wrong in silence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cronnx_server.errors import CommandError
from tests.unit.cronnx_server.exports.mislabelled import EVERY, Mislabelled
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


def test_nothing_is_wrong_in_silence(tmp_path: Path) -> None:
    outcomes = {each.name: outcome(each, tmp_path / str(number)) for number, each in enumerate(EVERY)}
    for name, (result, said) in outcomes.items():
        print(f"{name:55} {result:10} {said[:110]}")
    assert {
        name: said for name, (result, said) in outcomes.items() if result not in ("right", "refused", "warned")
    } == {}
    assert len(outcomes) == len(EVERY) >= 30
