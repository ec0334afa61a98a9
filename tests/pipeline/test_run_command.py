"""`retquant cohort run` as a person types it: the page that it leaves, the pilot, what it says at its end."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from retquant.cli.cohort import app


def cohort_run(manifest: Path, *options: str) -> Result:
    out = manifest.parent / "run"
    return CliRunner().invoke(app, ["run", str(manifest), "--out", str(out), "--workers", "0", *options])


def test_a_pilot_then_the_whole_run_each_leave_a_page_and_say_where(cohort: Path) -> None:
    out = cohort.parent / "run"
    pilot = cohort_run(cohort, "--sample", "1")
    assert pilot.exit_code in (0, 3), pilot.output
    assert f"Page        {out}/index.html" in pilot.output
    assert "Forecast" in pilot.output
    assert "workers" in pilot.output
    assert "A pilot of 1 person, drawn" in (out / "index.html").read_text(encoding="utf-8")
    whole = cohort_run(cohort)
    assert "were done before" in whole.output
    assert "Forecast" not in whole.output
    assert "Hygiene" in whole.output
    assert "A pilot of" not in (out / "index.html").read_text(encoding="utf-8")
    written = (out / "index.html").stat().st_mtime_ns
    again = cohort_run(cohort)
    assert f"Page        {out}/index.html" in again.output
    assert (out / "index.html").stat().st_mtime_ns == written  # nothing changed


def test_no_page_is_written_where_none_is_wanted(cohort: Path) -> None:
    done = cohort_run(cohort, "--no-page", "--json", "--quiet")
    assert not (cohort.parent / "run" / "index.html").exists()
    said = json.loads(done.stdout)
    assert said["forecast"] is None
    assert said["hygiene"]["images"] == said["images"]
