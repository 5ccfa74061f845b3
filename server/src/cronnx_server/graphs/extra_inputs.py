"""Inputs beside the image, filled inside the graph."""

from __future__ import annotations

from enum import Enum


class Fill(Enum):
    """What an input beside the image gets for every image."""

    ONES = "ones"
    ZEROS = "zeros"
    HEIGHT_WIDTH = "height, width"
    WIDTH_HEIGHT = "width, height"
