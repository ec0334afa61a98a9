"""A time limit an image, also where it hangs in a read that no exception reaches.

The work is done by a thread that can be left behind: Python cannot end a thread, so whoever gives one up
should see to it that the process is replaced.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")

_AFTER_THAT = 30.0  # seconds beyond the limit, after which a process that no thread can leave is ended

_AHEAD = 4  # items done and not yet taken, so that neither thread waits for the other at each

_mine = (
    threading.local()
)  # the helping thread of each thread; models and libraries keep their state by thread


class OverdueError(Exception):
    """The time was up."""


def within(seconds: float, function: Callable[..., T], *arguments: Any) -> T:
    """What the function returns, if it does so in time; `seconds` 0 is no limit.

    Raises
    ------
    OverdueError
        It did not; it may still be at it, in a thread that keeps the process from nothing.
    """
    if not seconds:
        return function(*arguments)
    hand = _my_hand()
    job: Future[T] = hand.give(function, arguments)
    arrived = False
    try:
        arrived = bool(wait([job], timeout=seconds).done)
    finally:  # also where this thread was interrupted
        if not arrived:
            _mine.hand = None
            hand.dismiss()
    if not arrived:
        raise OverdueError
    return job.result()


def each_within(
    seconds: float, function: Callable[[S], T], items: Sequence[S], *, is_mortal: bool = False
) -> Iterator[T]:
    """What the function returns of each item, as `within`, in a thread that goes on while the caller uses it.

    `is_mortal` ends this process where `mortal` would. The overdue item is the first that was not yielded.

    Raises
    ------
    OverdueError
        An item was not done in time.
    """
    if not seconds:
        yield from map(function, items)
        return
    hand, line = _my_hand(), _Line(function, items, seconds if is_mortal else 0)
    job: Future[None] = hand.give(line.walk, ())
    try:
        while (found := line.next(seconds)) is not None:
            yield found[0]
    finally:
        if not line.is_over:
            line.abandon()
            _mine.hand = None
            hand.dismiss()
    job.result()


class _Line(Generic[S, T]):
    """Items that one thread does in turn and another takes."""

    def __init__(self, function: Callable[[S], T], items: Sequence[S], mortal_s: float) -> None:
        self._function, self._items, self._mortal_s = function, items, mortal_s
        self._found: SimpleQueue[tuple[T] | None] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._begun: float | None = None  # when the item under way was; None while none is
        self._is_abandoned = False
        self.is_over = False

    def walk(self) -> None:
        """Do all items; called in the thread that may be left behind."""
        try:
            for item in self._items:
                self._room.acquire()
                if self._is_abandoned:
                    return
                self._begun = time.monotonic()
                with mortal(self._mortal_s):
                    found = self._function(item)
                self._begun = None
                self._found.put((found,))
                del found
        finally:
            self._found.put(None)

    def next(self, seconds: float) -> tuple[T] | None:
        """The next answer, None after the last."""
        while True:
            try:
                found = self._found.get(timeout=max(0.0, self._left(seconds)))
            except Empty:
                if self._left(seconds) <= 0 and self._found.empty():
                    raise OverdueError from None
                continue
            self._room.release()
            self.is_over = found is None
            return found

    def abandon(self) -> None:
        """Have the other thread begin nothing more."""
        self._is_abandoned = True
        self._room.release()

    def _left(self, seconds: float) -> float:
        begun = self._begun
        return seconds if begun is None else begun + seconds - time.monotonic()


@contextmanager
def mortal(seconds: float) -> Iterator[None]:
    """End this process when what is done within holds the interpreter far beyond the limit; 0 is no limit.

    Nothing written in Python runs then. The timer is the system's, or one of C, and needs no interpreter.
    """
    if not seconds:
        yield
        return
    last = seconds * 1.5 + _AFTER_THAT
    if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
        signal.setitimer(signal.ITIMER_REAL, last)  # whose signal ends the process, as nobody listens
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(last, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _my_hand() -> _Hand:
    hand: _Hand | None = getattr(_mine, "hand", None)
    if hand is None:
        hand = _mine.hand = _Hand()
    return hand


class _Hand(threading.Thread):
    """Does one thing after the other; as a daemon it does not keep the process from ending."""

    def __init__(self) -> None:
        super().__init__(name="retquant-image", daemon=True)
        self._jobs: SimpleQueue[tuple[Future, Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self.start()

    def give(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> Future[T]:
        job: Future[T] = Future()
        self._jobs.put((job, function, arguments))
        return job

    def dismiss(self) -> None:
        self._jobs.put(None)

    def run(self) -> None:
        while (given := self._jobs.get()) is not None:
            job, function, arguments = given
            try:
                job.set_result(function(*arguments))
            except BaseException as error:
                job.set_exception(error)
            del job, function, arguments, given  # an image's arrays are not to wait for the next image
