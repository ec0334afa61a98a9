"""A time limit an item keeps order, errors and what was done before."""

from __future__ import annotations

import threading
import time

import pytest

from retquant.cohort.timelimit import OverdueError, each_within, within


def test_answers_come_in_order_from_one_other_thread() -> None:
    names = list(each_within(60, lambda n: (n, threading.current_thread().name), range(50)))
    assert [n for n, _ in names] == list(range(50))
    assert {name for _, name in names} == {"retquant-image"}


def test_the_overdue_item_is_the_first_that_was_not_given() -> None:
    begun: list[int] = []
    never = threading.Event()

    def work(n: int) -> int:
        begun.append(n)
        if n == 7:
            never.wait()
        return n

    given: list[int] = []
    with pytest.raises(OverdueError):
        given.extend(each_within(0.3, work, range(20)))
    never.set()
    time.sleep(0.2)  # for the thread that was left behind to begin what it should not
    assert given == list(range(7))
    assert begun == list(range(8))
    assert within(60, lambda: 1) == 1  # by another thread


def test_an_error_comes_after_what_was_done_before_it() -> None:
    given: list[int] = []
    with pytest.raises(ZeroDivisionError):
        given.extend(each_within(60, lambda n: 12 // (3 - n), range(9)))
    assert given == [4, 6, 12]


def test_time_that_the_caller_takes_is_not_the_items() -> None:
    for _ in each_within(0.2, lambda n: n, range(8)):
        time.sleep(0.1)


def test_a_caller_that_stops_listening_ends_the_work() -> None:
    begun: list[int] = []
    answers = each_within(60, lambda n: begun.append(n), range(1000))
    next(answers)
    answers.close()
    time.sleep(0.2)
    assert len(begun) <= 6  # those ahead, and the one under way
