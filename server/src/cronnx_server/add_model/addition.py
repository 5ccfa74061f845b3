"""What is added to the repositories."""

from __future__ import annotations

from dataclasses import dataclass

from cronnx_server.add_model.proof import Proof


@dataclass(frozen=True)
class Addition:
    """A version of a model, written aside.

    Attributes:
        model_name: what a server is asked to load.
        version: the number of the version.
        ensemble: what clients ask; empty for a graph served as it is.
        proof: of a classifier.
    """

    model_name: str
    version: int
    ensemble: str = ""
    proof: Proof | None = None

    @property
    def is_live(self) -> bool:
        """Whether clients of the ensemble get this version; a later one has to be promoted."""
        return self.model_name == self.ensemble
