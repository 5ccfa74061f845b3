"""How often a server that died is started again."""

from __future__ import annotations

from cronnx_server.serve.restarts import LONGEST_PAUSE_S, MOST, WINDOW_S, Restarts


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_the_first_restart_is_at_once_and_each_pause_after_it_is_twice_as_long() -> None:
    restarts = Restarts(clock=Clock())
    assert [restarts.next_pause_s() for _ in range(MOST)] == [0.0, 0.5, 1.0, 2.0, 4.0]


def test_there_is_no_restart_after_so_many_in_the_window() -> None:
    restarts = Restarts(clock=Clock())
    for _ in range(MOST):
        assert restarts.next_pause_s() is not None
    assert restarts.next_pause_s() is None


def test_a_server_that_lived_for_longer_than_the_window_is_restarted_at_once() -> None:
    clock = Clock()
    restarts = Restarts(clock=clock)
    for _ in range(MOST):
        restarts.next_pause_s()
    clock.now_s += WINDOW_S
    assert restarts.next_pause_s() == 0.0


def test_no_pause_is_longer_than_the_longest() -> None:
    restarts = Restarts(clock=Clock())
    pauses = [restarts.next_pause_s() or 0.0 for _ in range(MOST)]
    assert max(pauses) <= LONGEST_PAUSE_S
