"""Ending a run before its end: Ctrl-C, a signal of the batch system, or a word from another shell.

Once asked, a run takes on no more, waits for the chunks in flight, and ends with all of them committed. Asked
by a signal a second time, it ends at once; what is committed stays then, too.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Literal

from retquant.cohort.lock import Holder, RefusedError, living_holder_of
from retquant.tables.files import writing

Ending = Literal["interrupted", "stopped"]

STOP = ".stop"  # holds the token of the lock whose holder is to stop, so that it never stops a later run
_LOOK = 0.25  # seconds between looks for that file, which may lie on a slow disk


class Stopped(KeyboardInterrupt):
    """Somebody asked the run to end with `retquant cohort stop`; what is done stays."""


class Halt:
    """Whether a run is to end, and how it was asked to."""

    def __init__(self, out: Path, token: str, *, tell: Callable[[Ending], None] = lambda _: None) -> None:
        self._file, self._token, self._tell = out / STOP, token, tell
        self._ending: Ending | None = None
        self._told = False
        self._looked = -_LOOK
        self.has_work = False  # chunks are in flight that are worth waiting for

    @property
    def ending(self) -> Ending | None:
        """How the run was asked to end; None where it was not."""
        return self._ending

    def asked(self) -> bool:
        """Whether the run is to take on nothing more."""
        if self._ending is None and time.monotonic() - self._looked >= _LOOK:
            self._looked = time.monotonic()
            if self._is_told_to_stop():
                self._ending = "stopped"
        if self._ending is not None and not self._told:
            self._told = True
            self._tell(self._ending)  # not from the signal's handler, which may interrupt a print
        return self._ending is not None

    def _is_told_to_stop(self) -> bool:
        try:
            return self._file.read_text(encoding="utf-8") == self._token
        except (OSError, UnicodeDecodeError):
            return False

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """End after the chunks in flight; at once where there are none, or when asked again."""
        if self._ending is not None or not self.has_work:
            raise KeyboardInterrupt
        self._ending = "interrupted" if number == signal.SIGINT else "stopped"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear Ctrl-C and SIGTERM, which batch systems send before they kill; only a main thread can."""
        is_main = threading.current_thread() is threading.main_thread()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        # one that is not to be heard, as of a job in a shell's background, stays unheard
        heard = [n for n, handler in before.items() if is_main and handler not in (signal.SIG_IGN, None)]
        for number in heard:
            signal.signal(number, self.on_signal)
        try:
            yield
        finally:
            for number in heard:
                signal.signal(number, before[number])
            with suppress(OSError):
                if self._is_told_to_stop():
                    self._file.unlink()


def request_stop(out: Path) -> Holder:
    """Ask the run that works in `out` to end, and say which process that is.

    Raises
    ------
    RefusedError
        No run is working there.
    OutputError
        The folder cannot be written to.
    """
    holder = living_holder_of(out)
    if holder is None:
        raise RefusedError(
            "no run is working here", where=str(out), remedy=f"see how it ended: retquant cohort status {out}"
        )
    with writing(out / STOP):
        (out / STOP).write_text(holder.token, encoding="utf-8")
    return holder
