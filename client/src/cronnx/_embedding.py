"""The answer of an embedding model: a vector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx._answers import ImageTensors
from cronnx._errors import InvalidInput


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The answer of `embed` for one image.

    Attributes:
        vector: The vector, FP32 [d], of length 1.
        served_by: The model version that answered, `<model>/<version>@<first 8 of the weights' sha256>`.
        model_name: The model that was asked.
    """

    vector: npt.NDArray[np.float32] = field(repr=False)
    served_by: str
    model_name: str

    def similarity(self, other: Embedding) -> float:
        """Return the cosine similarity with another vector of the same model, -1 to 1.

        Raises:
            InvalidInput: The other vector comes from another version or model, or has another size.
        """
        if self.served_by != other.served_by or self.vector.shape != other.vector.shape:
            raise InvalidInput(
                f"similarity: expected two vectors of one model version, got one of {self.served_by} and one of"
                f" {other.served_by}"
            )
        return float(self.vector @ other.vector)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types: `embedding` and `served_by`."""
        return {"embedding": self.vector.tolist(), "served_by": self.served_by}


def read_embedding(answered: ImageTensors) -> Embedding:
    """Read the answer for one image: `embedding` [d]."""
    return Embedding(answered.tensors["embedding"].copy(), answered.served_by, answered.model_name)
