"""What a cohort run costs beside the measuring, and how fast it measures.

    python -m benchmarks.cohort million --folder DIR [--images N] [--columns full] [--segments] [--json FILE]
    python -m benchmarks.cohort workers --folder DIR [IMAGE...] [--counts 1 2 4] [--rounds N] [--json FILE]
    python -m benchmarks.cohort page FILE... --markdown docs/performance.md

`million` runs the engine over a simulated cohort: manifest, plan, workers, tables, ledger, compaction, resume and
reading are the real ones, a photograph is a stub. `workers` runs the whole pipeline over photographs (by default those
of the example cohort), and on a CUDA device where there is one. `page` makes the page of what both left.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "cohort"


def million(options: argparse.Namespace) -> dict[str, Any]:
    """The phases of a simulated cohort."""
    from benchmarks.cohort_phases import PHASES, Case, carry_out
    from benchmarks.simulated_cohort import make_files

    case = Case(
        folder=options.folder,
        images=options.images,
        workers=options.workers,
        columns=options.columns,
        segments=options.segments,
    )
    make_files(case.folder, case.images)
    if "run" in options.phases:
        shutil.rmtree(case.out, ignore_errors=True)
    phases = carry_out(case, [phase for phase in PHASES if phase in options.phases])
    return {"kind": "simulated", "name": case.name, "case": _plain(case), "phases": phases}


def workers(options: argparse.Namespace) -> dict[str, Any]:
    """The whole pipeline against the number of workers, and on a GPU."""
    from benchmarks.cohort_workers import against_workers, make_copies, on_device

    examples = options.photographs or [*sorted((EXAMPLES / "images").glob("*")), EXAMPLES / "retina.jpg"]
    manifest = make_copies(examples, options.folder, options.images)
    rows = against_workers(manifest, options.folder, options.counts, options.rounds)
    return {
        "kind": "real",
        "name": f"{options.images} copies of {len(examples)} photographs",
        "rows": rows,
        "device": on_device(manifest, options.folder, examples),
    }


def _plain(case: Any) -> dict[str, Any]:
    return {
        name: getattr(case, name) for name in ("images", "workers", "columns", "segments", "chunk_images")
    }


def this_machine() -> dict[str, Any]:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    simulated = commands.add_parser("million")
    simulated.add_argument("--images", type=int, default=1_000_000)
    simulated.add_argument("--columns", choices=("narrow", "full"), default="narrow")
    simulated.add_argument("--segments", action="store_true", help="tables of segments and junctions, too")
    simulated.add_argument("--workers", type=int, default=2)
    simulated.add_argument("--phases", nargs="+", default=["plan", "run", "resume", "load"])
    real = commands.add_parser("workers")
    real.add_argument("photographs", nargs="*", type=Path)
    real.add_argument("--images", type=int, default=96)
    real.add_argument("--counts", nargs="+", type=int, default=[1, 2, 4])
    real.add_argument("--rounds", type=int, default=3)
    for command in (simulated, real):
        command.add_argument("--folder", type=Path, required=True, help="for files and runs; it is kept")
        command.add_argument("--json", type=Path)
    page = commands.add_parser("page")
    page.add_argument("results", nargs="+", type=Path)
    page.add_argument("--markdown", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "page":
        from benchmarks.performance_page import page_of

        results = [json.loads(path.read_text(encoding="utf-8")) for path in options.results]
        options.markdown.write_text(page_of(results), encoding="utf-8")
        return
    found = (million if options.command == "million" else workers)(options) | {"machine": this_machine()}
    text = json.dumps(found, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
