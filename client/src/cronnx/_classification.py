"""The answer of a classifier."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cronnx._answers import ImageTensors, text
from cronnx._errors import InvalidInput

if TYPE_CHECKING:
    from PIL import Image

    from cronnx._inputs import ImageLike

MAX_TOP_K = 5
"""The number of classes that a model scores for an image; a model with fewer classes scores them all."""


@dataclass(frozen=True, slots=True)
class ScoredClass:
    """One class and its probability.

    Attributes:
        label: The class in words.
        class_id: The class's index in the model's output.
        score: The probability, 0 to 1.
    """

    label: str
    class_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The answer of `classify` for one image.

    Attributes:
        top: The most probable classes, best first; at least one.
        served_by: The model version that answered, `<model>/<version>@<first 8 of the weights' sha256>`.
        model_name: The model that was asked.
        independent: Whether each score stands alone, as those of a multi-label model do: several classes, or none, may
            be in the image. Otherwise the scores of all classes sum to 1.
    """

    top: tuple[ScoredClass, ...]
    served_by: str
    model_name: str
    independent: bool = False

    @property
    def label(self) -> str:
        """The label of the best class."""
        return self.top[0].label

    @property
    def class_id(self) -> int:
        """The index of the best class."""
        return self.top[0].class_id

    @property
    def score(self) -> float:
        """The probability of the best class, 0 to 1."""
        return self.top[0].score

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types: the best class, `served_by`, all of `top`, and `independent`."""
        return {
            **asdict(self.top[0]),
            "served_by": self.served_by,
            "top": [asdict(scored) for scored in self.top],
            "independent": self.independent,
        }

    def draw(self, image: ImageLike) -> Image.Image:
        """Return the image with the classes and their scores in its corner.

        Args:
            image: The image that was asked about.

        Raises:
            InvalidInput: The image cannot be read.
        """
        from cronnx._drawing import draw_classification  # imported here because Pillow loads slowly

        return draw_classification(self, image)


def check_top_k(top_k: int) -> None:
    """Check the number of classes that a caller asks for.

    Raises:
        InvalidInput: A model does not score this number of classes.
    """
    if not 1 <= top_k <= MAX_TOP_K:
        raise InvalidInput(f"top_k: expected 1 to {MAX_TOP_K}, the number of classes that a model scores; got {top_k}")


def read_classification(answered: ImageTensors, *, top_k: int = MAX_TOP_K, independent: bool = False) -> Classification:
    """Read the answer for one image: `label`, `class_id` and `score`, [k] each."""
    columns = (answered.tensors[name][:top_k].tolist() for name in ("label", "class_id", "score"))
    return Classification(
        top=tuple(ScoredClass(text(label), class_id, score) for label, class_id, score in zip(*columns, strict=True)),
        served_by=answered.served_by,
        model_name=answered.model_name,
        independent=independent,
    )
