"""The report of a run: one HTML page that needs nothing else, and its numbers beside it for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

from cronnx_lab.bench.tables import Table, verdict_table
from cronnx_lab.bench.targets import Verdict
from cronnx_server.files import write_whole

PAGE = Template(Path(__file__).with_name("report.html").read_text())


@dataclass(frozen=True)
class Report:
    """What a run came to.

    Attributes:
        name: of the kind of run, and of the files.
        verdicts: against what is promised.
        plots: as SVG.
        measured: everything, for programs.
    """

    name: str
    verdicts: Sequence[Verdict]
    plots: Sequence[str]
    measured: Mapping[str, Any]

    def write(self, folder: Path, *, run: Mapping[str, str]) -> Path:
        """Write NAME.html and NAME.json; where the page is.

        Args:
            folder: where to.
            run: what is to be known of the run, by what it is.

        Raises:
            SetupError: they cannot be written.
        """
        numbers = {"run": run, "verdicts": [asdict(verdict) for verdict in self.verdicts], **self.measured}
        write_whole(folder / f"{self.name}.json", json.dumps(numbers).encode())
        page = PAGE.substitute(
            title=self.name.capitalize(),
            verdicts=verdict_table(self.verdicts).html(),
            plots="\n".join(self.plots),
            run=Table(("run", ""), list(run.items())).html(),
        )
        write_whole(folder / f"{self.name}.html", page.encode())
        return folder / f"{self.name}.html"
