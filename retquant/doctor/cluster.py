"""Whether Dask workers start or answer, have the same packages, and see the folder of the results."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retquant.cohort.cluster import ClusterError, ClusterSettings, connect, has_device
from retquant.doctor.finding import Finding, fault, fine, note
from retquant.errors import RetquantError

if TYPE_CHECKING:
    from distributed import Client


def check_cluster(scheduler: str | None, out: Path, *, patience_s: float = 30.0) -> Iterator[Finding]:
    """The workers of a scheduler, or one on this machine."""
    settings = ClusterSettings(scheduler=scheduler, start_timeout=patience_s)
    try:
        client = connect(settings, most=1)
    except ClusterError as error:
        yield fault("workers", str(error).partition("\n")[0], error.remedy)
        return
    except RetquantError as error:
        yield fault("workers", error.problem, error.remedy)
        return
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if scheduler is None:
            yield fine("workers", "a worker process starts on this machine and answers")
            return
        yield from _described(workers)
        unlike = sorted(_unlike(client.get_versions(check=False)))
        if unlike:
            yield fault(
                "workers",
                f"packages differ from this machine's: {'; '.join(unlike)}",
                "install the same versions on all machines: results depend on them",
            )
        else:
            yield fine("workers", "their packages are this machine's")
        yield from _shared_folder(client, out)


def _described(workers: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    cards = sum(map(has_device, workers.values()))
    yield fine("workers", f"{len(workers)} on the scheduler, {cards} of them with the resource GPU")
    several = [
        name for name, worker in workers.items() if worker.get("nthreads", 1) > 1 and not has_device(worker)
    ]
    if several:
        yield note("workers", f"{len(several)} have more than one thread, {several[0]} first", "--nthreads 1")


def _unlike(versions: Mapping[str, Any]) -> Iterator[str]:
    """Packages of workers that differ from the client's."""
    ours, seen = versions["client"]["packages"], set()
    for answer in versions["workers"].values():
        for name, theirs in answer["packages"].items():
            if name in ours and ours[name] != theirs and (name, theirs) not in seen:
                seen.add((name, theirs))
                yield f"{name} {ours[name]} here, {theirs} there"


def _shared_folder(client: Client, out: Path) -> Iterator[Finding]:
    """Results are written by the workers themselves, so all must see one folder."""
    place = out if out.is_dir() else out.absolute().parent
    token = place / f".retquant-{uuid.uuid4().hex}"
    try:
        token.write_text("seen", encoding="utf-8")
        answers = client.run(_sees, str(token))
    except OSError as error:
        yield fault("workers", f"{place} cannot be written: {error.strerror or error}", "--out DIR")
        return
    finally:
        token.unlink(missing_ok=True)
    blind = [name for name, sees in answers.items() if not sees]
    if blind:
        yield fault(
            "workers",
            f"{len(blind)} of {len(answers)} do not see {place}, {blind[0]} first",
            "put images and results on storage that every machine mounts under the same path",
        )
    else:
        yield fine("workers", f"all see {place}")


def _sees(token: str) -> bool:
    try:
        return Path(token).read_text(encoding="utf-8") == "seen"
    except OSError:
        return False
