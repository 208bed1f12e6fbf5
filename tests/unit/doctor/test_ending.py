"""What was started is ended, whenever the end comes."""

from __future__ import annotations

import threading

import pytest

from iflow_relay.doctor.ending import BrokenOff, Ending


class Started:
    """Counts how often it is ended."""

    ended = 0

    def end(self) -> None:
        self.ended += 1


def test_the_end_of_the_block_is_the_end_of_all() -> None:
    """Also where something was raised in it."""
    started: list[Started] = []

    def broken() -> None:
        with Ending() as ending:
            started.extend((ending.begin(Started), ending.begin(Started)))
            assert [one.ended for one in started] == [0, 0]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert [one.ended for one in started] == [1, 1]


def test_nothing_is_started_after_the_end() -> None:
    """A thread that comes too late hears of it."""
    with Ending() as ending:
        pass
    with pytest.raises(BrokenOff):
        ending.begin(Started)


def test_the_end_waits_for_what_is_just_being_started() -> None:
    """Else it would go on without anybody who knows of it."""
    begins, go_on = threading.Event(), threading.Event()
    started = Started()

    def start() -> Started:
        begins.set()
        assert go_on.wait(10)
        return started

    ending = Ending()
    with ending:
        beginner = threading.Thread(target=lambda: ending.begin(start))
        beginner.start()
        assert begins.wait(10)
        threading.Timer(0.05, go_on.set).start()
    assert started.ended == 1
    beginner.join()
