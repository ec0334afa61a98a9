"""A cohort run from plan to summary: the one place that brings lock, shards, ledger and workers together."""

from __future__ import annotations

import time
import tomllib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import retquant
from retquant.cohort.chunk import ChunkReport, Workshop, give_up
from retquant.cohort.consent import refuse_mixture, refuse_other_runs, require_consent
from retquant.cohort.contents import ContentCache
from retquant.cohort.failing import killer, overdue
from retquant.cohort.forecast import START, Forecast, Pace, forecast
from retquant.cohort.halt import Ending, Halt, Stopped
from retquant.cohort.journal import Journal
from retquant.cohort.keys import method_digest
from retquant.cohort.ledger import ledger_of
from retquant.cohort.lock import Lock, locked
from retquant.cohort.memory import peak_gib
from retquant.cohort.pilot import CHUNK_SECONDS, pilot_of
from retquant.cohort.plan import ChunkQueue, make_plan
from retquant.cohort.record import (
    Counts,
    ModelRecord,
    PastRun,
    PeakMemory,
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
from retquant.cohort.shard import SHARDS
from retquant.cohort.study import CohortSettings, Progress, RunSummary, Study
from retquant.cohort.submit import Crew, crew
from retquant.cohort.takeover import part_of, take_over
from retquant.cohort.withdraw import without_withdrawn
from retquant.errors import OutputError
from retquant.hygiene import Hygiene, examine, has_examined
from retquant.manifest.records import ImageRecord
from retquant.tables.commits import survey
from retquant.tables.compaction import compact
from retquant.tables.dictionary import write_dictionary
from retquant.tables.files import write_file
from retquant.tables.participants import write_participants
from retquant.tables.schemas import table_schemas
from retquant.tables.upkeep import remove_images, sweep
from retquant.tables.writer import write_schema_parts

__all__ = ["CohortSettings", "Progress", "RunSummary", "Study", "run"]

_RECORDED = 5.0  # seconds between counts in the run record, from which another shell sees how far the run is


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
        Interrupted, or as `Stopped` from another shell; what is committed stays. A first Ctrl-C, where this is
        the main thread, lets the chunks in flight end.
    """
    refuse_other_runs(study.manifest, out, agreed=settings.agreed)
    study = without_withdrawn(study, out)
    if settings.shard is None:
        with locked(out) as lock:
            history, whole = take_over(out), len(study.records)
            if settings.sample is not None:
                study = pilot_of(study, settings.sample, done=ledger_of(survey(out)).images)
            return _Run(study, out, settings, progress, lock, history=history, whole=whole).carry_out()
    folder = out / SHARDS / settings.shard.name
    refuse_other_runs(study.manifest, folder, agreed=settings.agreed)
    with locked(folder) as lock:
        method = method_digest(study.config_digest, study.models, study.columns)
        part = part_of(study, settings.shard, out, settings=settings, method=method)
        return _Run(part, folder, settings, progress, lock).carry_out()


class _Run:
    """The state of one run, from the plan to the summary."""

    def __init__(
        self,
        study: Study,
        out: Path,
        settings: CohortSettings,
        progress: Callable[[Progress], None],
        lock: Lock,
        history: tuple[PastRun, ...] = (),  # of the shards that were taken over
        whole: int = 0,  # images of the manifest that a pilot is of
    ) -> None:
        self._study, self._out, self._settings, self._progress = study, out, settings, progress
        self._lock, self._history = lock, history
        self._id = uuid.uuid4().hex[:12]
        self._journal = Journal(out, self._id)
        self._peaks: dict[str, float] = {}  # worker -> GiB
        self._method = method_digest(study.config_digest, study.models, study.columns)
        self._contents = ContentCache(out, verify=settings.verify)
        self._done, self._failed = 0, 0
        self._stages: Counter[str] = Counter()
        self._started = self._recorded = time.perf_counter()
        self._dashboard = ""
        self._has_new_labels = False
        self._hygiene: Hygiene | None = None
        self._pace = None if settings.sample is None else Pace(out, self._method)
        self._whole, self._begun = whole, time.perf_counter()

    def carry_out(self) -> RunSummary:
        before = read_record(self._out)
        self._plan = plan = make_plan(
            self._study.records,
            ledger_of(sweep(self._out)),
            method=self._method,
            contents=self._contents,
            redo=self._settings.redo,
        )
        self._contents.forget()
        refuse_mixture(plan, before, out=self._out, method=self._method)
        doubt = self._study.doubt(plan.todo) if self._study.doubt is not None else ""
        if not self._settings.agreed:
            require_consent(plan, before, out=self._out, method=self._method, doubt=doubt)
        self._record = self._first_record(before)
        write_record(self._out, self._record)
        self._journal.started(self._record, plan)
        halt = Halt(self._out, self._lock.token, tell=self._tell)
        try:
            with halt.listening():
                self._prepare()
                if plan.todo:
                    self._measure(halt)
                self._lock.check()
                if halt.ending is not None and self._done + self._failed < len(plan.todo):
                    raise Stopped if halt.ending == "stopped" else KeyboardInterrupt
                self._finish()
        except KeyboardInterrupt as error:
            self._close("stopped" if isinstance(error, Stopped) else "interrupted")
            raise
        except BaseException as error:
            self._close("failed", error)
            raise
        self._close("finished")
        return self._summary()

    def _prepare(self) -> None:
        """Everything but the measuring: old rows out, labels and dictionary in."""
        remove_images(self._out, self._plan.outdated)
        write_file(self._out, "config.toml", self._study.config_toml.encode())
        write_schema_parts(self._out, table_schemas(self._study.columns), facts=self._facts)
        write_dictionary(self._out, self._study.columns, facts=self._facts)
        self._has_new_labels = write_participants(self._out, self._study.participants, facts=self._facts)

    def _measure(self, halt: Halt) -> None:
        workshop = Workshop(
            out=self._out.resolve(),
            process=self._study.process,
            schemas=table_schemas(self._study.columns),
            method=self._method,
            facts=self._facts,
            seconds_per_image=self._settings.seconds_per_image,
        )
        todo = self._plan.todo
        with crew(workshop, self._settings.cluster, run_id=self._id, images=len(todo)) as workers:
            self._started, self._dashboard = time.perf_counter(), workers.address
            self._journal.write("measuring", dashboard=workers.address)
            halt.has_work = True
            try:
                self._tell()
                for report in self._reports(workers, workshop, halt):
                    self._take(report)
                    if self._settings.max_failures is not None:
                        self._settings.max_failures.check(self._failed, images=len(todo), out=self._out)
            finally:
                halt.has_work = False  # a Ctrl-C while workers end does not wait for them

    def _reports(self, workers: Crew, workshop: Workshop, halt: Halt) -> Iterator[ChunkReport]:
        """Reports of all chunks; those that end their workers are split, and their images tried one by one.

        An image is given up only when workers end, or time runs out, while it is the one thing under way, so
        that no image pays for its neighbour on the same worker.
        """
        queue, suspects = self._queue(self._plan.todo, halt), self._queue((), halt)
        for chunk, report in workers.work(queue):
            if report is not None and report.overdue is not None:
                self._journal.write("set apart", images=1, why="overdue")
                suspect, others = chunk.parted(report.overdue, self._id)
                suspects.push([suspect])
                queue.push([others] if others else [])
            elif report is not None:
                queue.learn(len(chunk.records), report.seconds)
                yield report
            else:
                self._journal.write("set apart", images=len(chunk.records), why="worker ended")
                is_one = len(chunk.records) == 1
                (suspects if is_one else queue).push([chunk] if is_one else chunk.singles(self._id))
        for chunk, report in workers.work(suspects, alone=True):
            if report is None:
                yield give_up(chunk, workshop, killer(chunk.records[0]))
            elif report.overdue is not None:
                yield give_up(chunk, workshop, overdue(chunk.records[0], workshop.seconds_per_image))
            else:
                yield report

    def _queue(self, records: Sequence[ImageRecord], halt: Halt) -> ChunkQueue:
        largest, seconds = self._settings.chunk_images, self._settings.chunk_seconds
        seconds = seconds if self._pace is None else min(seconds, CHUNK_SECONDS)
        return ChunkQueue(records, run_id=self._id, largest=largest, seconds=seconds, halted=halt.asked)

    def _take(self, report: ChunkReport) -> None:
        self._lock.check()
        self._done += report.done
        self._failed += len(report.failures)
        self._stages.update(report.seconds_by_stage)
        if report.worker:
            self._peaks[report.worker] = report.peak_gib
        self._journal.took(report)
        self._contents.add(report.contents)
        if self._pace is not None:
            if self._done + self._failed == report.done + len(report.failures):
                self._pace.note(START, 0, time.perf_counter() - self._begun - report.seconds)
            self._pace.note(report.worker, report.done + len(report.failures), report.seconds)
        if time.perf_counter() - self._recorded > _RECORDED:
            self._recorded = time.perf_counter()
            write_record(self._out, self._so_far(dashboard=self._dashboard))
        self._tell()

    def _finish(self) -> None:
        """Leave the folder as readers want it."""
        self._tidy()  # what it holds of a million images is free again before they are examined
        if self._pace is not None:
            self._record = self._record.model_copy(update={"forecast": self._forecast()})
        is_whole = self._settings.shard is None
        if is_whole and (self._has_new_labels or self._plan.todo or not has_examined(self._out)):
            self._hygiene = examine(self._out)
        self._contents.save()

    def _tidy(self) -> None:
        """See that nothing was lost, and merge small parts; a shard keeps its own until it is taken over."""
        holdings = sweep(self._out)
        wanted = pa.array([record.image_id for record in self._plan.todo], pa.string())
        held = pc.is_in(wanted, value_set=holdings.entries["image_id"])
        if lost := wanted.filter(pc.invert(held)).to_pylist():
            raise OutputError(
                f"{len(lost)} images that were measured are not in the tables any more, {lost[0]} among them",
                where=str(self._out),
                remedy="see to the disk, then run the same command, which measures them again",
            )
        if self._settings.shard is None:
            compact(self._out, facts=self._facts, at_least=self._settings.compact_from, holdings=holdings)

    def _forecast(self) -> Forecast | None:
        if self._pace is None or self._settings.sample is None:
            return None
        left = self._whole - len(self._study.records)
        return forecast(
            self._out, self._pace.lines(), people=self._settings.sample, images=self._whole, left=left
        )

    def _close(self, state: State, error: BaseException | None = None) -> None:
        """Write down how it ended; where not even that can be written, the error under way says enough."""
        record = self._so_far(state=state, finished=now(), problem="" if error is None else str(error))
        if state == "finished":
            write_record(self._out, record)
        elif self._lock.is_held():  # else the folder is gone or another run's
            with suppress(OutputError, OSError):
                sweep(self._out)
            with suppress(OutputError):
                write_record(self._out, record)
        if self._lock.is_held():
            self._journal.ended(record, error)

    def _so_far(self, **changes: object) -> RunRecord:
        return self._record.with_counts(
            self._counts(),
            seconds=round(time.perf_counter() - self._started, 3),
            seconds_by_stage={stage: round(seconds, 3) for stage, seconds in self._stages.items()},
            workers=len(self._peaks),
            peak_memory=PeakMemory(driver_gib=peak_gib(), worker_gib=max(self._peaks.values(), default=0.0)),
            **changes,
        )

    def _tell(self, ending: Ending | None = None) -> None:
        self._progress(
            Progress(
                total=len(self._study.records),
                kept=self._plan.kept + self._plan.kept_failures,
                done=self._done,
                failed=self._failed,
                seconds=time.perf_counter() - self._started,
                dashboard=self._dashboard,
                ending=ending or "",
            )
        )

    def _first_record(self, before: RunRecord | None) -> RunRecord:
        return RunRecord(
            run_id=self._id,
            retquant=retquant.__version__,
            command=self._settings.command,
            state="running",
            started=now(),
            manifest=manifest_record(self._study.manifest),
            config=tomllib.loads(self._study.config_toml),
            config_digest=self._study.config_digest,
            method=self._method,
            models=tuple(
                ModelRecord(name=model.name, sha256=model.sha256, licence_note=model.licence_note)
                for model in self._study.models
            ),
            packages=package_versions(),
            sample=self._settings.sample,
            machine=this_machine(),
            counts=self._counts(),
            # a take-over that was killed leaves a record of no images
            history=(*(each for each in past(before) if each.counts.images), *self._history),
        )

    def _counts(self) -> Counts:
        return Counts(
            images=len(self._study.records),
            kept=self._plan.kept,
            kept_failures=self._plan.kept_failures,
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

    def _summary(self) -> RunSummary:
        return RunSummary(
            out=self._out,
            images=len(self._study.records),
            done=self._done,
            failed=self._failed,
            kept=self._plan.kept,
            kept_failures=self._plan.kept_failures,
            seconds=time.perf_counter() - self._started,
            seconds_by_stage=dict(self._stages),
            hygiene=self._hygiene,
            forecast=self._record.forecast,
        )
