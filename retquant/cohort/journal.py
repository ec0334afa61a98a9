"""The log of a run, `DIR/log.jsonl`: one JSON object a line, for machines and for whoever asks what happened when.

Nothing of it goes to the terminal. It names no image and no person, so that whoever withdraws is not in it: which
images failed, and why, stands in the table of failures.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from retquant.cohort.chunk import ChunkReport
from retquant.cohort.plan import Plan
from retquant.cohort.record import RUN_RECORD, RunRecord

LOG = "log.jsonl"


class Journal:
    """Writes what happens to a run, as it happens.

    A log that cannot be written fails no run: where the disk is full or gone, the tables say so.
    """

    def __init__(self, out: Path, run_id: str) -> None:
        self._out, self._run_id = out, run_id

    def started(self, record: RunRecord, plan: Plan) -> None:
        """A run begins, and knows what it has to do."""
        self.write(
            "started",
            command=record.command,
            retquant=record.retquant,
            method=record.method,
            manifest=record.manifest.sha256,
            host=record.machine.host,
            images=record.counts.images,
            todo=len(plan.todo),
            kept=plan.kept,
            kept_failures=plan.kept_failures,
            changed=len(plan.changed),
            dropped=len(plan.dropped),
        )

    def took(self, report: ChunkReport) -> None:
        """A chunk is committed."""
        self.write(
            "chunk",
            done=report.done,
            failed=dict(Counter(report.failures.values())),  # by stage
            seconds=round(report.seconds, 3),
            worker=report.worker,
            peak_gib=report.peak_gib,
        )

    def ended(self, record: RunRecord, error: BaseException | None) -> None:
        """A run ends, well or not; what went wrong stands in its record."""
        self.write(
            record.state,
            **record.counts.model_dump(),
            seconds=record.seconds,
            workers=record.workers,
            **record.peak_memory.model_dump(),
            **({"error": type(error).__name__} if error is not None else {}),
        )

    def write(self, event: str, **facts: Any) -> None:
        """Append a line: time, run, event, and what there is to tell of it."""
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, "run": self._run_id, "event": event, **facts})
        with suppress(OSError):
            if (self._out / RUN_RECORD).exists():  # else it is a lost mount's empty folder
                with open(self._out / LOG, "a", encoding="utf-8") as file:
                    file.write(line + "\n")
