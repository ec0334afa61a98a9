"""`retquant cohort page` shows what a run, finished or cut short, has in its folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from stand_ins import Cohort, in_process, values
from typer.testing import CliRunner

from retquant.cli.cohort import app
from retquant.cohort import FailureLimit, TooManyFailuresError, run
from retquant.cohort.withdraw import withdraw

FAILING = {"zz-bad": "bad", "zz-worse": "bad <b>"}


def shown(out: Path) -> str:
    """The page's text as the command writes it."""
    done = CliRunner().invoke(app, ["page", str(out)])
    assert done.exit_code == 0, done.output
    page = (out / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.split("<body>")[1]))


def test_the_page_has_the_counts_failures_and_values_of_the_run(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, {**values(10), **FAILING})
    run(cohort.study(), cohort.out, settings=in_process())
    text = shown(cohort.out)
    assert "10 were measured, 2 failed. The run is finished" in text
    assert "read: ImageError" in text
    assert "bad &lt;b&gt;" in text
    assert "median 4.50; 5–95 %: 0.450 to 8.55" in text  # densities 0 to 9
    assert "disc_area no disc" in text
    part = (cohort.out / "pages" / "part-0000.js").read_text(encoding="utf-8")
    assert '"overlay":"07-eye.png"' in part
    assert "give another file" in part


def test_a_run_that_was_given_up_says_how_much_is_left(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, {**FAILING, **values(10)})
    with pytest.raises(TooManyFailuresError):
        run(cohort.study(), cohort.out, settings=in_process(max_failures=FailureLimit(images=1)))
    text = shown(cohort.out)
    assert "are still to do" in text
    assert "The run is failed" in text
    assert "To go on, give the same command again" in text


def test_results_that_were_kept_are_counted_as_such(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(6))
    for _ in range(2):
        run(cohort.study(), cohort.out, settings=in_process())
    assert "6kept from earlier runs" in shown(cohort.out)


def test_a_folder_without_a_run_has_no_page(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["page", str(tmp_path)])
    assert done.exit_code != 0
    assert not (tmp_path / "index.html").exists()


def test_people_who_withdraw_leave_the_pages_too(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, values(12))
    run(cohort.study(), cohort.out, settings=in_process())
    shown(cohort.out)
    withdraw(cohort.out, ["07"])
    left = [path for path in cohort.out.rglob("*") if path.is_file() and b"07-eye" in path.read_bytes()]
    assert left == []
    assert "11 were measured" in shown(cohort.out)
