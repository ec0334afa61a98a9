"""How far a run is, from its folder alone: it may be live, finished or dead."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retquant.cohort.lock import living_holder_of
from retquant.cohort.record import RunRecord, read_record
from retquant.errors import OutputError
from retquant.tables.commits import survey
from retquant.tables.parts import read_columns

_TRIES = 5  # a run that compacts its parts may move files between listing and reading


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """Counts of a run and what it is doing."""

    state: Literal["running", "dead", "finished", "interrupted", "stopped", "failed"]
    images: int  # in the manifest
    done: int  # with a result
    failed: int
    failures_by_kind: Mapping[str, int]  # "stage: error" -> images
    started: str
    finished: str | None
    holder: str  # "process 123 on host" while it runs
    command: str
    problem: str
    images_per_second: float = 0.0  # of the latest run, as far as it recorded; 0 where it did nothing
    dashboard: str = ""  # address, while it runs

    @property
    def left(self) -> int:
        """Images still to do."""
        return max(0, self.images - self.done - self.failed)

    @property
    def seconds_left(self) -> float | None:
        """Of a run that is at work, or of one that goes on like it; None where no rate is known."""
        return self.left / self.images_per_second if self.images_per_second > 0 else None


def read_status(out: Path) -> RunStatus:
    """Look at the run in `out` without touching it.

    Raises
    ------
    OutputError
        There is no run in the folder.
    """
    record = read_record(out)
    if record is None:
        raise OutputError(
            "there is no run here", where=str(out), remedy="retquant cohort run MANIFEST --out " + str(out)
        )
    holder = living_holder_of(out)
    is_dead = record.state == "running" and holder is None
    done, kinds = _counted(out)
    return RunStatus(
        state="dead" if is_dead else record.state,
        images=record.counts.images,
        done=done,
        failed=sum(kinds.values()),
        failures_by_kind=dict(kinds.most_common()),
        started=record.started,
        finished=record.finished,
        holder=str(holder) if holder is not None else "",
        command=record.command,
        problem=record.problem,
        images_per_second=_rate(record),
        dashboard="" if holder is None else record.dashboard,
    )


def _counted(out: Path) -> tuple[int, Counter[str]]:
    """Images with a result, and failures by kind."""
    for attempt in range(_TRIES):
        try:
            holdings = survey(out)
            kinds: Counter[str] = Counter()
            for _, rows in read_columns(holdings.parts["failures"], ["stage", "error"]):
                kinds.update(f"{row['stage']}: {row['error']}" for row in rows.to_pylist())
            return len(holdings.entries) - sum(kinds.values()), kinds
        except FileNotFoundError:
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.2)
    raise AssertionError("unreachable")


def _rate(record: RunRecord) -> float:
    images = record.counts.done + record.counts.failed
    return images / record.seconds if record.seconds > 0 else 0.0
