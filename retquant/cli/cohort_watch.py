"""What `retquant cohort status`, `stop` and `withdraw` do, from any shell that sees the run's folder."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retquant.cli.durations import duration
from retquant.cli.outcome import say_json

if TYPE_CHECKING:
    from retquant.cohort import RunStatus

_LOOK = 0.5  # seconds between looks at a run that is ending


def say_status(out: Path, *, as_json: bool) -> None:
    """Print how far the run is, and each of its shards."""
    from retquant.cohort import read_status
    from retquant.cohort.record import RUN_RECORD
    from retquant.cohort.shard import shard_folders

    shards = shard_folders(out)
    places = [out, *shards] if not shards or (out / RUN_RECORD).exists() else shards
    for place in places:
        found = read_status(place)
        if not as_json:
            _say(place, found, is_shard=place != out)
        elif shards:
            typer.echo(json.dumps(_as_dict(place, found), ensure_ascii=False, default=str))  # a line a shard
        else:
            say_json(_as_dict(place, found))


def _as_dict(place: Path, found: RunStatus) -> dict[str, object]:
    return {"out": str(place), **asdict(found), "left": found.left, "seconds_left": found.seconds_left}


def _say(place: Path, found: RunStatus, *, is_shard: bool) -> None:
    name = f"shard {place.name} " if is_shard else ""
    typer.echo(f"{name}{_counts(found)}")
    if pace := _pace(found):
        typer.echo(f"  {pace}")
    for kind, count in found.failures_by_kind.items():
        typer.echo(f"  {count} × {kind}")
    if found.problem:
        typer.echo(f"  ended with: {found.problem}")
    if found.holder:
        typer.echo(f"  held by {found.holder}" + (f", {found.dashboard}" if found.dashboard else ""))
    elif found.left:
        typer.echo(f"  to go on, give the same command again: {found.command}")


def _counts(found: RunStatus) -> str:
    return (
        f"{found.state}: {found.done} of {found.images} images done, {found.failed} failed, {found.left} left"
    )


def stop_run(out: Path, *, wait: bool) -> None:
    """Ask the run, or those of its shards that are at work, to end; and wait until they have."""
    from retquant.cohort import read_status, request_stop
    from retquant.cohort.lock import living_holder_of
    from retquant.cohort.shard import shard_folders

    places = [place for place in (out, *shard_folders(out)) if living_holder_of(place)] or [out]
    asked = {place: request_stop(place) for place in places}
    for holder in asked.values():
        typer.echo(f"{holder} is asked to stop; it finishes the chunks in flight")
    for place, holder in asked.items() if wait else ():
        while living_holder_of(place) == holder:
            time.sleep(_LOOK)
        typer.echo(_counts(read_status(place)))


def withdraw_people(out: Path, ids: Path, *, as_json: bool) -> None:
    """Remove people from the run, and say what of them was removed."""
    from retquant.cohort.withdraw import read_ids, withdraw

    removed = withdraw(out, read_ids(ids))
    if as_json:
        say_json(asdict(removed))
        return
    typer.echo(
        f"{removed.people} people with {removed.images} images removed, {removed.unknown} not in this run"
    )
    rows = ", ".join(f"{count} of {table}" for table, count in removed.rows.items() if count)
    typer.echo(f"  rows: {rows or 'none'}")
    typer.echo(f"  files of overlays, masks and the like: {removed.pictures}")
    for page in removed.pages:
        typer.echo(f"  {page}: removed, since it showed them or a figure of all; make it anew")
    typer.echo(
        "  later runs leave them out; take their rows out of the manifest and their files off the disk yourself"
    )


def _pace(found: RunStatus) -> str:
    """Rate and time left; nothing where the run has not come to its first image."""
    if not found.images_per_second:
        return ""
    left = found.seconds_left or 0.0
    if found.holder:
        return f"{found.images_per_second:.2f} images/s, {duration(left)} left"
    return f"{found.images_per_second:.2f} images/s" + (
        f"; what is left takes {duration(left)} at that rate" if found.left else ""
    )
