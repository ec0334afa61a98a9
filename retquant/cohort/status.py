"""How far a run is, from its folder alone: it may be live, finished or dead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retquant.cohort.lock import holder_of
from retquant.cohort.record import read_record
from retquant.errors import OutputError
from retquant.tables.commits import survey
from retquant.tables.parts import read_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """Counts of a run and what it is doing."""

    state: Literal["running", "dead", "finished", "interrupted", "failed"]
    images: int  # in the manifest
    done: int  # with a result
    failed: int
    failures_by_kind: Mapping[str, int]  # "stage: error" -> images
    started: str
    finished: str | None
    holder: str  # "process 123 on host" while it runs
    command: str
    problem: str

    @property
    def left(self) -> int:
        """Images still to do."""
        return max(0, self.images - self.done - self.failed)


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
    holder = holder_of(out)
    is_held = holder is not None and holder.may_be_alive
    holdings = survey(out)
    kinds: Counter[str] = Counter()
    for _, rows in read_columns(holdings.parts["failures"], ["stage", "error"]):
        kinds.update(f"{row['stage']}: {row['error']}" for row in rows.to_pylist())
    failed = sum(kinds.values())
    return RunStatus(
        state="dead" if record.state == "running" and not is_held else record.state,
        images=record.counts.images,
        done=len(holdings.entries) - failed,
        failed=failed,
        failures_by_kind=dict(kinds.most_common()),
        started=record.started,
        finished=record.finished,
        holder=f"process {holder.pid} on {holder.host}" if holder is not None and is_held else "",
        command=record.command,
        problem=record.problem,
    )
