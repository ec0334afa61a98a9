"""Readers of pictures, kept from saying what they think of a file: they quote values of it, and a cohort has thousands.

What is wrong with a file is told once, in the error that its reading ends with.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_LOGGERS = (
    *("pydicom", "pydicom.pixels.utils", "pydicom.pixels.decoders.base"),
    *("pylibjpeg", "openjpeg", "tifffile"),
)
_reading = threading.local()


class _WhileReading(logging.Filter):
    """Drops what a reader logs while this thread reads with it, and nothing that anyone else has it do."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_reading, "depth", 0)


_SILENCE = _WhileReading()


@contextmanager
def in_silence() -> Iterator[None]:
    """No warning and no log of a reader."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_SILENCE)  # adding it again changes nothing
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    _reading.depth = getattr(_reading, "depth", 0) + 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _reading.depth -= 1
        cv2.utils.logging.setLogLevel(level)
