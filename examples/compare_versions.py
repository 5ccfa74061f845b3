"""Decide between two versions of a classifier: how often they agree, which is right more often, which is faster.

    python examples/compare_versions.py photos --model efficientnet_lite0 --versions 1 2 --labels labels.csv

Every photo goes to both versions, one right after the other, in changing order: what differs is the version. `--labels`
names a CSV file with the columns `file` and `class_id`; without it, agreement decides instead of accuracy. Each figure
has its 95 % confidence interval. The verdict is `promote` or `keep` only where the whole interval says so, else
`undecided`: give more photos. Exit status: 0 promote, 1 keep, 2 undecided.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cronnx import Client

Z = 1.96
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Interval(NamedTuple):
    """An estimate and its 95 % confidence interval."""

    low: float
    estimate: float
    high: float


class Pair(NamedTuple):
    """What both versions say of one photo, the known class or None, and the seconds that each took."""

    class_ids: tuple[int, int]
    known: int | None
    seconds: tuple[float, float]


def main() -> int:
    """Print the figures and the verdict."""
    parser = argparse.ArgumentParser(description="Compare two versions of a classifier.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="grpc://127.0.0.1:8001")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--versions", nargs=2, default=["1", "2"], metavar=("LIVE", "NEW"))
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--min-agreement", type=float, default=0.95, help="without labels; default: %(default)s")
    parser.add_argument("--max-accuracy-loss", type=float, default=0.01, help="with labels; default: %(default)s")
    parser.add_argument("--max-slowdown", type=float, default=1.1, help="times as slow; default: %(default)s")
    options = parser.parse_args()

    known = read_labels(options.labels) if options.labels else {}
    photos = sorted(path for path in options.folder.iterdir() if path.suffix.lower() in SUFFIXES)
    with Client(options.url) as client:
        pairs = [ask_both(client, path, options, known) for path in [*photos[:1], *photos]][1:]  # the first warms up
    if not pairs:
        parser.error(f"{options.folder}: expected photos, got none")
    labelled = [pair for pair in pairs if pair.known is not None]
    same = agreement(pairs)
    quality, least = (
        (accuracy_gain(labelled), -options.max_accuracy_loss) if labelled else (same, options.min_agreement)
    )
    slowdown = latency_ratio(pairs)

    live, new = options.versions
    print(f"photos               {len(pairs)}, of which {len(labelled)} have a known class")
    print(f"agreement            {same.estimate:.1%}  [{same.low:.1%}, {same.high:.1%}]")
    if labelled:
        right = [np.mean([pair.class_ids[which] == pair.known for pair in labelled]) for which in (0, 1)]
        print(f"accuracy             {right[0]:.1%} of {live}, {right[1]:.1%} of {new}")
        print(f"accuracy gained      {quality.estimate:+.1%}  [{quality.low:+.1%}, {quality.high:+.1%}]")
    print(f"times as slow        {slowdown.estimate:.2f}  [{slowdown.low:.2f}, {slowdown.high:.2f}]")
    verdict = decide(quality, least, slowdown, options.max_slowdown)
    print(f"verdict              {verdict}")
    return ["promote", "keep", "undecided"].index(verdict)


def read_labels(path: Path) -> dict[str, int]:
    """Read the known classes, by the names of the photos."""
    with path.open(newline="") as file:
        return {row["file"]: int(row["class_id"]) for row in csv.DictReader(file)}


def ask_both(client: Client, path: Path, options: argparse.Namespace, known: dict[str, int]) -> Pair:
    """Ask both versions about a photo; the photo's name decides which is first."""
    photo, answers = path.read_bytes(), [(0, 0.0), (0, 0.0)]
    for which in (0, 1) if sum(path.name.encode()) % 2 else (1, 0):
        started_at = time.perf_counter()
        answer = client.classify(photo, model_name=options.model, model_version=options.versions[which])
        answers[which] = (answer.class_id, time.perf_counter() - started_at)
    (first, first_s), (second, second_s) = answers
    return Pair((first, second), known.get(path.name), (first_s, second_s))


def agreement(pairs: Sequence[Pair]) -> Interval:
    """Return the share of photos with the same class, by Wilson's interval."""
    count = len(pairs)
    share = sum(pair.class_ids[0] == pair.class_ids[1] for pair in pairs) / count
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * (share * (1 - share) / count + Z * Z / (4 * count * count)) ** 0.5
    return Interval(max(0.0, middle - half), share, min(1.0, middle + half))


def accuracy_gain(pairs: Sequence[Pair]) -> Interval:
    """Return how much more often the new version is right, by Agresti's and Min's interval for paired answers."""
    right = [(pair.class_ids[0] == pair.known, pair.class_ids[1] == pair.known) for pair in pairs]
    won, lost = right.count((False, True)), right.count((True, False))
    count = len(pairs) + 2  # half a photo is added to each of the four cells
    middle = (won - lost) / count
    half = Z * ((won + lost + 1 - (won - lost) ** 2 / count) / count**2) ** 0.5
    return Interval(middle - half, (won - lost) / len(pairs), middle + half)


def latency_ratio(pairs: Sequence[Pair]) -> Interval:
    """Return how many times as long the new version takes: the geometric mean of the photos' ratios."""
    logs = np.log([pair.seconds[1] / pair.seconds[0] for pair in pairs])
    half = Z * float(np.std(logs, ddof=1)) / len(logs) ** 0.5 if len(logs) > 1 else np.inf
    low, estimate, high = np.exp([np.mean(logs) - half, np.mean(logs), np.mean(logs) + half]).tolist()
    return Interval(low, estimate, high)


def decide(quality: Interval, least: float, slowdown: Interval, most: float) -> str:
    """Return `promote` if both intervals are within their limits, `keep` if one is outside, else `undecided`."""
    if quality.high < least or slowdown.low > most:
        return "keep"
    return "promote" if quality.low >= least and slowdown.high <= most else "undecided"


if __name__ == "__main__":
    sys.exit(main())
