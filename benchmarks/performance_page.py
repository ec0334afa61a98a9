"""The page of what `benchmarks/cohort.py` measured: tables from its JSON files, and what they amount to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Result = dict[str, Any]

IMAGES = 100_000  # that the forecast is of
SERVER_CORES = 32
HEAD = """# How fast a cohort runs

Every figure here comes out of `benchmarks/cohort.py` and can be had again:

    python -m benchmarks.cohort million --folder DIR --json million.json      # the engine alone, a million images
    python -m benchmarks.cohort workers --folder DIR --json workers.json      # the whole pipeline, 1, 2 and 4 workers
    python -m benchmarks.cohort page million.json workers.json --markdown docs/performance.md

Processor seconds say what work was done; seconds on the clock depend on what else the machine does, so each table names
the load (the mean number of processes that wanted a core) before and after.
"""
SIMULATED = """
## The engine alone

A simulated cohort: a manifest whose images are hard links to a few small files, and a stub in place of decoding,
segmenting and measuring. All else is what every run does: reading and checking the manifest, hashing files, planning,
workers, time limits, tables, ledger, resume, compaction. `narrow` rows have 24 biomarkers, `full` rows all that
photographs have; `segments` adds 415 rows of vessels and junctions an image.
"""
REAL = """
## The whole pipeline

Copies of the example photographs without their masks, segmented by the default model on the CPU, one thread a worker.
A round measures with each number of workers in turn; the ratio to one worker is taken within a round. First commits,
by which models are loaded and kernels compiled, are left out. Where the time goes is told in per cent, since stages are
timed by the clock.
"""
NO_GPU = """
On a GPU nothing was measured: the machine has none. `benchmarks/cohort.py workers` measures it where there is one: the
rate from end to end, that of the network alone, and the share.
"""


def page_of(results: Sequence[Result]) -> str:
    """The whole page, in Markdown."""
    lines = [HEAD]
    if simulated := [result for result in results if result["kind"] == "simulated"]:
        lines += [SIMULATED, *_simulated(simulated)]
    for result in results:
        if result["kind"] == "real":
            lines += [REAL, *_real(result), *_forecast(result)]
    return "\n".join(lines).strip() + "\n"


def _simulated(results: Sequence[Result]) -> Iterator[str]:
    yield _row("", *(result["name"] for result in results))
    yield _row(*["---"] * (1 + len(results)))
    for title, value in (
        ("plan: seconds of one core (clock)", lambda p: _both(p["plan"], "cpu")),
        ("run: images a second", lambda p: f"{p['run']['images_per_second']:,.0f}"),
        ("run: ms of a core an image, workers", lambda p: f"{p['run']['workers_ms_an_image']:.2f}"),
        ("run: ms of a core an image, driver", lambda p: f"{p['run']['driver_ms_an_image']:.2f}"),
        ("run: images a second that this allows on two free cores", lambda p: f"{_on_two(p):,.0f}"),
        (
            "run: chunks, and parts a table at the end",
            lambda p: f"{p['run']['chunks']:,}, {p['run']['parts']}",
        ),
        ("checking and compacting: seconds of one core (clock)", _closing),
        ("driver's memory at the first chunk, half-way, at the last, MiB", _memory),
        ("driver's memory grows by, KiB an image", _growth),
        ("driver's largest memory, MiB", lambda p: f"{p['run']['memory_mib']:,.0f}"),
        ("resume, all done: seconds of one core (clock)", lambda p: _both(p["resume"], "cpu")),
        ("three columns loaded: seconds of one core (clock)", lambda p: _both(p["load"], "cpu")),
        ("images without exactly one row of their own", lambda p: str(p["run"]["faults"])),
        ("load of the machine during the run", lambda p: _load(p["run"])),
    ):
        yield _row(title, *(_told(value, result["phases"]) for result in results))
    yield ""
    yield _machine(results[0])


def _told(value: Any, phases: dict[str, Any]) -> str:
    try:
        return str(value(phases))
    except KeyError:
        return "not measured"


def _both(phase: dict[str, Any], cpu: str) -> str:
    return f"{sum(phase[cpu].values()):.1f} ({sum(phase['wall'].values()):.0f})"


def _on_two(phases: dict[str, Any]) -> float:
    return 2000 / (phases["run"]["workers_ms_an_image"] + phases["run"]["driver_ms_an_image"])


def _closing(phases: dict[str, Any]) -> str:
    key = "checking and compacting"
    return f"{phases['run']['driver_cpu'][key]:.1f} ({phases['run']['wall'][key]:.0f})"


def _memory(phases: dict[str, Any]) -> str:
    return ", ".join(f"{value:,.0f}" for value in phases["run"]["driver_mib"].values())


def _growth(phases: dict[str, Any]) -> str:
    half, last = phases["run"]["driver_mib"]["half"], phases["run"]["driver_mib"]["last chunk"]
    return f"{(last - half) * 1024 / (phases['run']['images'] / 2):.2f}"


def _load(phase: dict[str, Any]) -> str:
    return f"{phase['load before']:.0f} to {phase['load after']:.0f}"


def _real(result: Result) -> Iterator[str]:
    rows = result["rows"]
    yield f"{result['name']}, {rows[0]['rounds']} round{'s' if rows[0]['rounds'] > 1 else ''}."
    yield ""
    yield _row("workers", *(row["workers"] for row in rows))
    yield _row(*["---"] * (1 + len(rows)))
    for title, name, digits in (
        ("images a second", "images_per_second", 2),
        ("ratio to the first column", "ratio", 2),
        ("seconds of a core an image", "cpu_s_an_image", 2),
        ("driver, ms of a core an image", "driver_ms_an_image", 1),
        ("driver's memory, MiB", "driver_mib", 0),
        ("largest worker's memory, MiB", "worker_mib", 0),
        ("load of the machine", "load", 0),
    ):
        yield _row(title, *(f"{row[name]:,.{digits}f}" for row in rows))
    for stage in rows[0]["stages"]:
        yield _row(f"{stage}, % of an image's time", *(f"{100 * _share(row, stage):.0f}" for row in rows))
    yield ""
    yield _machine(result)
    if device := result["device"]:
        yield ""
        yield (
            f"On one {device['device']}: {device['images_per_second']:.1f} images a second from end to end, "
            f"{device['network_images_per_second']:.1f} by the network alone: {100 * device['share']:.0f} %."
        )
    else:
        yield NO_GPU.rstrip()


def _forecast(result: Result) -> Iterator[str]:
    best = min(result["rows"], key=lambda row: row["cpu_s_an_image"])
    each = best["cpu_s_an_image"]
    hours = each * IMAGES / 3600
    yield "\n## What a hundred thousand images cost\n"
    yield (
        f"At {each:.2f} seconds of a core an image, {IMAGES:,} images are {hours:,.0f} core-hours: "
        f"{hours / SERVER_CORES:.1f} hours of a server with {SERVER_CORES} such cores, as far as rates grow with the "
        "workers, which only so many as the table has were measured for. Larger photographs take longer: a pilot "
        "(`retquant cohort run --sample 200`) forecasts a cohort from its own images."
    )
    if device := result["device"]:
        rate = device["images_per_second"]
        yield f"\nOn one {device['device']}, at the rate above: {IMAGES / rate / 3600:.1f} hours."
    else:
        rest = each * (1 - _share(best, "segment"))
        yield (
            "\nFor a GPU there is no forecast, since no rate was measured. What it does not take over is reading, "
            f"tracing and measuring: {rest:.2f} seconds of a core an image by the table, "
            f"{rest * IMAGES / 3600:,.0f} core-hours. "
            f"A device that did 100 images a second would want {rest * 100:,.0f} such cores beside it."
        )


def _share(row: dict[str, Any], stage: str) -> float:
    return float(row["stages"].get(stage, 0.0) / sum(row["stages"].values()))


def _machine(result: Result) -> str:
    machine = result["machine"]
    return f"Machine: {machine['processor']}, {machine['cores']} cores, Python {machine['python']}."


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
