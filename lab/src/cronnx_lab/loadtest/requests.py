"""The requests that the users send."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

USERS = 1000


@dataclass(frozen=True)
class ImageRequest:
    """One image for one model.

    Attributes:
        model_name: The ensemble to ask.
        image: The content of an image file.
        user_id: The user on whose behalf an A/B test is asked; None for other ensembles.
    """

    model_name: str
    image: bytes
    user_id: str | None = None


class RequestSource:
    """Draws requests at random."""

    def __init__(self, models: Sequence[str], images: Sequence[bytes], *, with_user_ids: bool) -> None:
        self.models = tuple(models)
        self._images = images
        self._with_user_ids = with_user_ids
        self._random = random.Random()  # noqa: S311 - a sample, not a secret

    def draw(self, model_name: str | None = None) -> ImageRequest:
        """Draw a request for this model, or for any model of the source."""
        return ImageRequest(
            model_name or self._random.choice(self.models),
            self._random.choice(self._images),
            f"user-{self._random.randrange(USERS)}" if self._with_user_ids else None,
        )
