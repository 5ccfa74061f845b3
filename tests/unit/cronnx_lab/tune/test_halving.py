from __future__ import annotations

from collections.abc import Sequence

from cronnx_lab.measurement import Measurement
from cronnx_lab.tune.halving import Round, best, cases_per_round, halving


class Machine:
    """Candidates of fixed speed on a machine whose own speed changes from round to round."""

    def __init__(self, *speeds: float, failing: int | None = None) -> None:
        self._speeds, self._failing = speeds, failing
        self.cases = 0

    def measure(self, numbers: Sequence[int], count: int) -> list[Round]:
        return [{number: self._measurement(number, of_round) for number in numbers} for of_round in range(count)]

    def _measurement(self, number: int, of_round: int) -> Measurement:
        self.cases += 1
        return Measurement(
            images_per_s=self._speeds[number] * (1 + of_round % 3),
            latencies_s=(0.01, 0.02),
            answered=10,
            failed=int(number == self._failing),
            cpu_s=0.1,
            generator_cpu_s=0.0,
            pss_bytes=0,
        )


def test_the_better_half_goes_on_and_the_present_settings_always() -> None:
    machine = Machine(1, 5, 2, 4, 3)
    standings = halving(5, machine.measure, rounds=2)
    assert [each.rounds for each in standings] == [6, 6, 2, 6, 2]
    assert machine.cases == 2 * cases_per_round(5)


def test_candidates_are_compared_with_the_present_settings_of_their_own_round() -> None:
    standings = halving(3, Machine(100, 110, 90).measure, rounds=4)
    assert [round(each.ratio, 6) for each in standings] == [1, 1.1, 0.9]


def test_the_fastest_is_the_best() -> None:
    assert best(halving(4, Machine(100, 104, 120, 90).measure, rounds=1)).candidate == 2


def test_what_is_hardly_faster_changes_nothing() -> None:
    assert best(halving(3, Machine(100, 102, 90).measure, rounds=1)).candidate == 0


def test_a_candidate_that_fails_requests_is_never_the_best() -> None:
    assert best(halving(3, Machine(100, 150, 120, failing=1).measure, rounds=1)).candidate == 2


def test_present_settings_alone_are_the_best() -> None:
    assert best(halving(1, Machine(100).measure, rounds=1)).candidate == 0


def test_latencies_cover_all_rounds_and_the_cost_is_per_image() -> None:
    (standing,) = halving(1, Machine(100).measure, rounds=1)
    assert (standing.p50_s, standing.cpu_s_per_image) == (0.015, 0.01)
