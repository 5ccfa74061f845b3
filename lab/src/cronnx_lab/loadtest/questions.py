"""What the users ask."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

USERS = 1000


@dataclass(frozen=True)
class Question:
    """One image for one model; by a named user where there is a name."""

    model_name: str
    image: bytes
    user_id: str | None = None


class Questions:
    """Draws one question after the other."""

    def __init__(self, models: Sequence[str], images: Sequence[bytes], *, with_user_ids: bool) -> None:
        self.models = tuple(models)
        self._images = images
        self._with_user_ids = with_user_ids
        self._random = random.Random()  # noqa: S311 - drawn, not secret

    def draw(self, model_name: str | None = None) -> Question:
        """Ask this model, or any of them."""
        return Question(
            model_name or self._random.choice(self.models),
            self._random.choice(self._images),
            f"user-{self._random.randrange(USERS)}" if self._with_user_ids else None,
        )
