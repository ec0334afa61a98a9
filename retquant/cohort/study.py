"""What a run is given and what it says: the study, how to go about it, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from retquant.cohort.chunk import ImageProcess
from retquant.cohort.cluster import ClusterSettings
from retquant.cohort.forecast import Forecast
from retquant.cohort.keys import ModelUse
from retquant.cohort.limits import FailureLimit
from retquant.cohort.plan import Redo
from retquant.cohort.shard import Shard
from retquant.errors import ConfigError
from retquant.hygiene.examine import Hygiene
from retquant.manifest.records import ImageRecord
from retquant.tables.schemas import BiomarkerColumn


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is measured, and how."""

    manifest: Path
    records: Sequence[ImageRecord]
    participants: pa.Table  # ids, labels and covariates; a row an image
    process: ImageProcess
    columns: Sequence[BiomarkerColumn]  # that the process fills
    config_digest: str
    config_toml: str  # the resolved settings
    models: Sequence[ModelUse] = ()
    # what speaks against doing these images, a sentence that has to be agreed to; "" where nothing does. May refuse.
    doubt: Callable[[Sequence[ImageRecord]], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortSettings:
    """How a run goes about it; none of it changes a number."""

    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    chunk_images: int = 512  # at most, in one commit; 64 unless they take less than a second
    chunk_seconds: float = 60.0  # of one worker, that a chunk should take: what a kill costs
    seconds_per_image: float = 600.0  # after which an image is given up; 0: never
    max_failures: FailureLimit | None = None  # stop when more images fail
    agreed: bool = False  # to redo or remove results whose settings, model or manifest changed (`--yes`)
    verify: bool = False  # hash the files of done images again
    redo: Redo = "changed"  # what to do of what is done
    shard: Shard | None = None  # measure one part of the manifest, beside others that do theirs
    sample: int | None = None  # a pilot: the images of so many people, drawn at random
    compact_from: int = 16  # small parts that are worth merging at the end
    command: str = ""  # as typed, for the record

    def __post_init__(self) -> None:
        if not self.seconds_per_image >= 0:
            raise ConfigError(
                f"seconds_per_image is {self.seconds_per_image}",
                where="--seconds-per-image",
                remedy="--seconds-per-image 600, or 0 for no limit",
            )
        if self.shard is not None and self.redo == "only failed":
            raise ConfigError("a shard cannot do failures only", remedy="give --retry-failed with --shard")
        if self.sample is not None and (self.sample < 1 or self.shard is not None):
            raise ConfigError(
                f"a pilot cannot be of {self.sample} people{' in a shard' if self.shard else ''}",
                where="--sample",
                remedy="--sample 200, without --shard",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    total: int  # images of the manifest
    kept: int  # done before, results and failures
    done: int  # measured by this run
    failed: int  # in this run
    seconds: float  # since the first chunk was sent
    dashboard: str = ""
    ending: str = ""  # why the run takes on no more: "interrupted" or "stopped"

    @property
    def images_per_second(self) -> float:
        """Of this run so far; 0 before the first."""
        return (self.done + self.failed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None before the first image."""
        rate = self.images_per_second
        return (self.total - self.kept - self.done - self.failed) / rate if rate > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run did, and where it lies."""

    out: Path
    images: int  # in the manifest
    done: int  # measured by this run
    failed: int  # in this run
    kept: int  # results of earlier runs that hold
    kept_failures: int  # failures of earlier runs that hold
    seconds: float
    seconds_by_stage: Mapping[str, float]  # summed over images and workers
    hygiene: Hygiene | None = None  # of the whole cohort; None where nothing changed, and of a shard
    forecast: Forecast | None = None  # of a pilot

    @property
    def failures(self) -> int:
        """Rows in the table of failures."""
        return self.failed + self.kept_failures

    @property
    def images_per_second(self) -> float:
        """Rate of this run; 0 where it had nothing to do."""
        return (self.done + self.failed) / self.seconds if self.seconds > 0 else 0.0
