"""The errors that people see: what is wrong, where, and what to do about it.

Every error of retquant is a `RetquantError` with those three parts. Leaves also inherit the built-in they
refine, and all of them pickle, so that they arrive whole from a Dask worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class RetquantError(Exception):
    """A problem that a person can act on.

    Parameters
    ----------
    problem : str
        What is wrong, with the offending value shown.
    where : str
        File, row or setting that it concerns.
    remedy : str
        What to do, as something that can be typed or pasted.
    """

    is_usage: ClassVar[bool] = False  # True where what was asked for has to change, not the run to be mended

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        located = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{located}\nTry: {self.remedy}" if self.remedy else located

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.problem, self.where, self.remedy)


def _rebuild(kind: type[RetquantError], problem: str, where: str, remedy: str) -> RetquantError:
    return kind(problem, where=where, remedy=remedy)


class ManifestError(RetquantError, ValueError):
    """The manifest cannot be used as it is; `faults` holds every fault, `problem` shows the first of them."""

    is_usage = True

    def __init__(
        self, problem: str, *, where: str = "", remedy: str = "", faults: Sequence[Any] = ()
    ) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.faults = tuple(faults)  # of retquant.manifest.Fault, in order of rows

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"faults": self.faults})


class ImageError(RetquantError, ValueError):
    """One image or mask cannot be read or is not what it should be."""


class ConfigError(RetquantError, ValueError):
    """A setting is unknown or has a value that it cannot have."""

    is_usage = True


class ModelError(RetquantError, ValueError):
    """A model bundle or checkpoint is missing, damaged or of the wrong kind."""

    is_usage = True


class SegmentationError(RetquantError, RuntimeError):
    """An image could not be segmented."""


class OutputError(RetquantError, RuntimeError):
    """The output folder cannot be used: another run's results, a lock, no space."""


class AssociationError(RetquantError, ValueError):
    """Labels, outcome or covariates do not allow the analysis that was asked for."""

    is_usage = True
