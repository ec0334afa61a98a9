"""What one image contributes to the tables: the value that a measuring process hands to whoever writes.

Values only: no ids, keys or paths of the run, which the writer adds. It pickles and may cross machines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

_RESERVED = re.compile(r"[\x00-\x1f\\]")


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageRows:
    """The rows, values and pictures of one image.

    A biomarker that the image's modality never has is left out of `biomarkers`. One that it has but that
    could not be measured is NaN there, and its reason stands in `missing`. Standard errors are columns
    `<name>__se`.
    """

    biomarkers: Mapping[str, float]  # column -> value, in the column's unit
    missing: Mapping[str, str] = field(default_factory=dict)  # column -> reason, for every NaN
    # "vessels", "bifurcations", "crossings", "quality": column -> values; columns left out are null
    tables: Mapping[str, Mapping[str, Sequence[Any] | np.ndarray]] = field(default_factory=dict)
    artifacts: Mapping[str, bytes] = field(
        default_factory=dict
    )  # path under the run's folder -> content of that file
    seconds: Mapping[str, float] = field(default_factory=dict)  # stage -> wall time, for the run record

    def __post_init__(self) -> None:
        for path in self.artifacts:
            parts = PurePosixPath(path).parts
            if (
                not parts
                or path.startswith("/")
                or ".." in parts
                or parts[0].startswith(".")
                or _RESERVED.search(path)
            ):
                raise ValueError(f"artifact path {path!r} does not stay in the run's folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an image has no result, as a row of `failures`."""

    stage: str  # "read", "segment", "measure", "worker", ...
    error: str  # class of the exception
    message: str
    where: str = ""
    hint: str = ""  # what the person can do
    traceback_digest: str = ""  # equal for failures that happened at the same place of the code
