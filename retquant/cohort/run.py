"""A cohort run from plan to summary: the one place that brings lock, ledger and workers together."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

import retquant
from retquant.cohort.chunk import ChunkReport, ImageProcess, Workshop, quarantine
from retquant.cohort.cluster import ClusterSettings
from retquant.cohort.consent import refuse_other_runs, require_consent
from retquant.cohort.contents import ContentCache
from retquant.cohort.keys import ModelUse, method_digest
from retquant.cohort.ledger import ledger_of
from retquant.cohort.limits import FailureLimit
from retquant.cohort.lock import locked
from retquant.cohort.plan import Chunk, ChunkQueue, Plan, make_plan
from retquant.cohort.record import (
    Counts,
    ModelRecord,
    RunRecord,
    State,
    manifest_record,
    now,
    package_versions,
    past,
    read_record,
    this_machine,
    write_record,
)
from retquant.cohort.submit import Crew, crew
from retquant.errors import OutputError
from retquant.manifest.records import ImageRecord
from retquant.tables.compaction import compact
from retquant.tables.dictionary import write_dictionary
from retquant.tables.files import write_file
from retquant.tables.participants import write_participants
from retquant.tables.schemas import BiomarkerColumn, table_schemas
from retquant.tables.upkeep import remove_images, sweep
from retquant.tables.writer import write_schema_parts


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortSettings:
    """How a run goes about it; none of it changes a number."""

    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    chunk_images: int = 64  # at most, in one commit
    chunk_seconds: float = 60.0  # of one worker, that a chunk should take: what a kill costs
    max_failures: FailureLimit | None = None  # stop when more images fail
    agreed: bool = False  # to redo or remove results whose settings, model or manifest changed (`--yes`)
    verify: bool = False  # hash the files of done images again
    retry_failed: bool = False
    compact_from: int = 16  # small parts that are worth merging at the end
    command: str = ""  # as typed, for the record


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    total: int  # images of the manifest
    kept: int  # done before, results and failures
    done: int  # measured by this run
    failed: int  # in this run
    seconds: float  # since the first chunk was sent
    dashboard: str = ""

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

    @property
    def failures(self) -> int:
        """Rows in the table of failures."""
        return self.failed + self.kept_failures

    @property
    def images_per_second(self) -> float:
        """Rate of this run; 0 where it had nothing to do."""
        return (self.done + self.failed) / self.seconds if self.seconds > 0 else 0.0


def run(
    study: Study,
    out: Path,
    *,
    settings: CohortSettings,
    progress: Callable[[Progress], None] = lambda _: None,
) -> RunSummary:
    """Measure what is not done yet, and leave in `out` tables that hold each image of the manifest once.

    Raises
    ------
    RefusedError
        The folder is locked or holds another run, or a change needs to be agreed to; nothing was changed.
    OutputError
        The results cannot be written, or too many images fail; what is committed stays.
    ClusterError
        There are no workers.
    KeyboardInterrupt
        What is committed stays.
    """
    refuse_other_runs(study.manifest, out, agreed=settings.agreed)
    with locked(out):
        return _Run(study, out, settings, progress).carry_out()


class _Run:
    """The state of one run, from the plan to the summary."""

    def __init__(
        self, study: Study, out: Path, settings: CohortSettings, progress: Callable[[Progress], None]
    ) -> None:
        self._study, self._out, self._settings, self._progress = study, out, settings, progress
        self._id = uuid.uuid4().hex[:12]
        self._method = method_digest(study.config_digest, study.models, study.columns)
        self._contents = ContentCache(out, verify=settings.verify)
        self._done, self._failed = 0, 0
        self._stages: Counter[str] = Counter()
        self._started = time.perf_counter()

    def carry_out(self) -> RunSummary:
        before = read_record(self._out)
        plan = make_plan(
            self._study.records,
            ledger_of(sweep(self._out)),
            method=self._method,
            contents=self._contents,
            retry_failed=self._settings.retry_failed,
        )
        if not self._settings.agreed:
            require_consent(plan, before, out=self._out, method=self._method)
        self._record = self._first_record(plan, before)
        write_record(self._out, self._record)
        try:
            self._prepare(plan)
            if plan.todo:
                self._measure(plan)
            self._finish(plan)
        except KeyboardInterrupt:
            self._close("interrupted", plan)
            raise
        except BaseException as error:
            self._close("failed", plan, problem=str(error))
            raise
        self._close("finished", plan)
        return self._summary(plan)

    def _prepare(self, plan: Plan) -> None:
        """Everything but the measuring: old rows out, labels and dictionary in."""
        remove_images(self._out, plan.outdated)
        write_file(self._out, "config.toml", self._study.config_toml.encode())
        write_schema_parts(self._out, table_schemas(self._study.columns), facts=self._facts)
        write_dictionary(self._out, self._study.columns, facts=self._facts)
        write_participants(self._out, self._study.participants, facts=self._facts)

    def _measure(self, plan: Plan) -> None:
        workshop = Workshop(
            out=self._out.resolve(),
            process=self._study.process,
            schemas=table_schemas(self._study.columns),
            method=self._method,
            facts=self._facts,
        )
        queue = self._queue(plan.todo)
        with crew(workshop, self._settings.cluster, run_id=self._id, images=len(plan.todo)) as workers:
            self._started = time.perf_counter()
            self._tell(plan, workers)
            for chunk, report in self._outcomes(workers, queue, workshop):
                queue.learn(len(chunk.records), report.seconds)
                self._take(report)
                self._tell(plan, workers)
                if self._settings.max_failures is not None:
                    self._settings.max_failures.check(self._failed, images=len(plan.todo), out=self._out)

    def _outcomes(
        self, workers: Crew, queue: ChunkQueue, workshop: Workshop
    ) -> Iterator[tuple[Chunk, ChunkReport]]:
        """Reports of all chunks; those that end their workers are split, and their images tried one by one.

        An image is given up only when workers end while it is the one thing under way, so that no image pays
        for its neighbour on the same worker.
        """
        suspects = self._queue(())
        for chunk, report in workers.work(queue):
            if report is not None:
                yield chunk, report
            elif len(chunk.records) > 1:
                queue.push(chunk.singles(self._id))
            else:
                suspects.push([chunk])
        for chunk, report in workers.work(suspects, alone=True):
            yield chunk, report if report is not None else quarantine(chunk, workshop)

    def _queue(self, records: Sequence[ImageRecord]) -> ChunkQueue:
        largest, seconds = self._settings.chunk_images, self._settings.chunk_seconds
        return ChunkQueue(records, run_id=self._id, largest=largest, seconds=seconds)

    def _take(self, report: ChunkReport) -> None:
        self._done += report.done
        self._failed += len(report.failures)
        self._stages.update(report.seconds_by_stage)
        self._contents.add(report.contents)

    def _finish(self, plan: Plan) -> None:
        """Leave the folder as readers want it."""
        sweep(self._out)
        compact(self._out, facts=self._facts, at_least=self._settings.compact_from)
        self._contents.save()

    def _close(self, state: State, plan: Plan, *, problem: str = "") -> None:
        """Write down how it ended; where not even that can be written, the error under way says enough."""
        if state != "finished":
            with suppress(OutputError, OSError):
                sweep(self._out)
        record = self._record.with_counts(
            self._counts(plan),
            state=state,
            finished=now(),
            problem=problem,
            seconds=round(time.perf_counter() - self._started, 3),
            seconds_by_stage={stage: round(seconds, 3) for stage, seconds in self._stages.items()},
        )
        if state == "finished":
            write_record(self._out, record)
        else:
            with suppress(OutputError):
                write_record(self._out, record)

    def _tell(self, plan: Plan, workers: Crew) -> None:
        self._progress(
            Progress(
                total=len(self._study.records),
                kept=plan.kept + plan.kept_failures,
                done=self._done,
                failed=self._failed,
                seconds=time.perf_counter() - self._started,
                dashboard=workers.address,
            )
        )

    def _first_record(self, plan: Plan, before: RunRecord | None) -> RunRecord:
        return RunRecord(
            run_id=self._id,
            retquant=retquant.__version__,
            command=self._settings.command,
            state="running",
            started=now(),
            manifest=manifest_record(self._study.manifest),
            config_digest=self._study.config_digest,
            method=self._method,
            models=tuple(
                ModelRecord(name=model.name, sha256=model.sha256, licence_note=model.licence_note)
                for model in self._study.models
            ),
            packages=package_versions(),
            machine=this_machine(),
            counts=self._counts(plan),
            history=past(before),
        )

    def _counts(self, plan: Plan) -> Counts:
        return Counts(
            images=len(self._study.records),
            kept=plan.kept,
            kept_failures=plan.kept_failures,
            done=self._done,
            failed=self._failed,
        )

    @property
    def _facts(self) -> dict[str, str]:
        """What every file of the run carries in its metadata."""
        return {
            "retquant": retquant.__version__,
            "config_digest": self._study.config_digest,
            "method": self._method,
            "models": " ".join(f"{model.name}:{model.sha256}" for model in self._study.models),
        }

    def _summary(self, plan: Plan) -> RunSummary:
        return RunSummary(
            out=self._out,
            images=len(self._study.records),
            done=self._done,
            failed=self._failed,
            kept=plan.kept,
            kept_failures=plan.kept_failures,
            seconds=time.perf_counter() - self._started,
            seconds_by_stage=dict(self._stages),
        )
