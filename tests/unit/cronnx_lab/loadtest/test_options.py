from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from cronnx_lab.loadtest import options
from cronnx_lab.loadtest.thresholds import Thresholds

GIVEN = ["--models", "a", "b", "--images=c", "--max-error-rate=0.5", "--max-p95-ratio=2.0", "--min-throughput=0.0"]


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.add_options(parser)
    return parser.parse_args(arguments)


def test_the_next_parser_is_given_what_the_first_was() -> None:
    assert options.arguments(parsed(*GIVEN)) == GIVEN


def test_locust_can_send_every_option_to_its_workers() -> None:
    for arguments in ([], GIVEN):
        given = vars(parsed(*arguments))
        assert json.loads(json.dumps(given)) == given


def test_latencies_may_be_longer_where_more_users_ask() -> None:
    limits = [options.thresholds(parsed(), users=users) for users in (1, 8)]
    assert [(each.max_p95_ratio, each.max_p99_ratio) for each in limits] == [(3, 5), (24, 40)]


def test_a_limit_that_is_given_is_the_limit() -> None:
    found = options.thresholds(parsed(*GIVEN), users=8)
    assert found == Thresholds(max_error_rate=0.5, max_p95_ratio=2.0, max_p99_ratio=40, min_throughput=0.0)


def test_a_folder_without_images_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"expected images in {tmp_path}, got none"):
        options.images(str(tmp_path))
