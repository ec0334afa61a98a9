"""What a run does not do without being told: mix with another run's results, or throw results away."""

from __future__ import annotations

from pathlib import Path

from retquant.cohort.lock import RefusedError
from retquant.cohort.plan import Plan
from retquant.cohort.record import RUN_RECORD, RunRecord, manifest_record, read_record
from retquant.cohort.shard import SHARDS
from retquant.cohort.withdraw import WITHDRAWN


def refuse_other_runs(manifest: Path, out: Path, *, agreed: bool) -> None:
    """Refuse a folder that holds something else than this manifest's run.

    Raises
    ------
    RefusedError
        The folder holds another manifest's results, or files that are no run at all.
    """
    if out.exists() and not out.is_dir():
        raise RefusedError("this is a file", where=str(out), remedy="give a folder with --out")
    record = read_record(out)
    if record is None:
        _refuse_strange_files(out)
        return
    here = manifest_record(manifest)
    if not agreed and here.path != record.manifest.path and here.sha256 != record.manifest.sha256:
        raise RefusedError(
            f"the folder holds the results of {record.manifest.path}, not of {here.path}",
            where=str(out),
            remedy="choose another folder with --out; if the manifest was only moved and changed, add --yes",
        )


def refuse_mixture(plan: Plan, before: RunRecord | None, *, out: Path, method: str) -> None:
    """Refuse to measure some images by other settings than those beside them.

    Raises
    ------
    RefusedError
        Only failures are to be tried again, and the settings changed.
    """
    if plan.left_alone and before is not None and before.method != method:
        raise RefusedError(
            "settings, model or definitions changed: images done anew would stand beside "
            f"{_images(plan.left_alone)} measured as before",
            where=str(out),
            remedy="give the command without --only-failed, or go back to the settings of this folder",
        )


def require_consent(plan: Plan, before: RunRecord | None, *, out: Path, method: str, doubt: str = "") -> None:
    """Refuse to redo or remove results on account of a change that may be an oversight, or over another doubt.

    Changed files and changed measurements in the manifest are no oversight: their images are redone without
    asking.

    Raises
    ------
    RefusedError
        Says what changed and how many images it concerns.
    """
    changes = []
    if before is not None and before.method != method and plan.changed:
        changes.append(f"settings, model or definitions changed: {_images(len(plan.changed))} will be redone")
    elif plan.unreadable:
        changes.append(
            f"{_images(len(plan.unreadable))} with results can no longer be read: the results will be lost"
        )
    if plan.dropped:
        changes.append(
            f"{_images(len(plan.dropped))} with results are no longer in the manifest: they will be removed"
        )
    if doubt:
        changes.append(doubt)
    if changes:
        raise RefusedError(
            "; ".join(changes),
            where=str(out),
            remedy="add --yes to agree, or choose another folder with --out to keep these results",
        )


def _refuse_strange_files(out: Path) -> None:
    """Something is here, but no run: do not mingle with it (a killed run's dot-files do not count)."""
    strange = (
        sorted(
            entry.name
            for entry in out.iterdir()
            if not entry.name.startswith(".")
            and entry.name not in (SHARDS, WITHDRAWN)  # before it ran as a whole
        )
        if out.is_dir()
        else []
    )
    if strange:
        raise RefusedError(
            f"the folder is not empty and holds no run ({RUN_RECORD} is missing): {', '.join(strange[:3])}",
            where=str(out),
            remedy="choose a new folder with --out",
        )


def _images(count: int) -> str:
    return f"{count} image{'s' if count != 1 else ''}"
