"""The cases of the ONNX project's backend test suite that cannot pass, with the reason of each.

There is a list for each ONNX Runtime that the project is locked to; Python 3.10 has an older one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from tests.server import onnx_suite

FOLDER = Path(__file__).with_name("onnx_suite_lists")
HEADING = "# "


def read(version: str = onnxruntime.__version__) -> dict[str, str]:
    """The reason of each case in the list of an ONNX Runtime, by its name."""
    reasons, reason = {}, ""
    for line in (FOLDER / f"onnxruntime-{version}.txt").read_text().splitlines():
        if line.startswith(HEADING):
            reason = line.removeprefix(HEADING)
        elif line:
            reasons[line] = reason
    return reasons


def written(reasons: Mapping[str, str]) -> str:
    """The list: the reasons as headings, the cases of each below it in order."""
    names = {reason: sorted(name for name in reasons if reasons[name] == reason) for reason in set(reasons.values())}
    return "\n".join(
        f"{HEADING}{reason}\n" + "".join(f"{name}\n" for name in names[reason]) for reason in sorted(names)
    )


def main() -> None:
    """Print the list as this ONNX Runtime and this suite make it."""
    reasons = {case.name: onnx_suite.reason_without_server(case) for case in onnx_suite.cases()}
    print(written({name: reason for name, reason in reasons.items() if reason}), end="")


if __name__ == "__main__":
    main()
