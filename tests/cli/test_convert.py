"""`retquant convert`: what is written, what is said, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from retquant.cli import app
from retquant.errors import ConfigError, OutputError

run = CliRunner().invoke


@pytest.fixture
def vascx(tmp_path: Path) -> Path:
    path = tmp_path / "biomarkers.csv"
    path.write_text(
        "id,md_diam_veins,vd_veins,temporal_cre_veins\nx,12,0.05,30\ny,,0.04,31\n", encoding="utf-8"
    )
    return path


def test_the_command_explains_itself() -> None:
    answer = run(app, ["convert", "--help"])
    assert answer.exit_code == 0
    assert all(word in answer.output for word in ("automorph", "vascx", "pvbm", "--um-per-px"))


def test_a_table_is_written_beside_the_file_and_every_column_is_accounted_for(vascx: Path) -> None:
    answer = run(app, ["convert", "vascx", str(vascx), "--um-per-px", "10"], catch_exceptions=False)
    assert answer.exit_code == 0
    table = pq.read_table(vascx.with_name("biomarkers_retquant.parquet"))
    assert table.column_names == ["image_id", "vein_calibre_median_fov", "vein_area_density_fov"]
    assert table.column("vein_calibre_median_fov").to_pylist() == [120.0, None]
    assert "mapped (1):\n  vd_veins -> vein_area_density_fov (2 values)" in answer.output
    assert "rescaled (1):\n  md_diam_veins -> vein_calibre_median_fov (1 values): pixels" in answer.output
    assert "left out (1):\n  temporal_cre_veins (2 values): different definition" in answer.output
    assert "2 images, 2 columns" in answer.output


def test_a_csv_table_is_written_where_asked(vascx: Path) -> None:
    out = vascx.with_name("ours.csv")
    run(app, ["convert", "vascx", str(vascx), "--out", str(out), "--all"], catch_exceptions=False)
    header = out.read_text(encoding="utf-8").splitlines()[0]
    assert header == '"image_id","vascx:md_diam_veins","vein_area_density_fov","vascx:temporal_cre_veins"'


def test_an_existing_table_is_replaced_only_when_told_to(vascx: Path) -> None:
    arguments = ["convert", "vascx", str(vascx)]
    assert run(app, arguments).exit_code == 0
    assert isinstance(run(app, arguments).exception, OutputError)
    assert run(app, [*arguments, "--force"]).exit_code == 0


def test_a_table_with_nothing_comparable_says_why_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vbms.csv"
    path.write_text("image,craek,craeh,artery_startp\nx,20,21,6\n", encoding="utf-8")
    answer = run(app, ["convert", "pvbm", str(path)])
    assert isinstance(answer.exception, ConfigError)
    assert "--um-per-px converts them" in answer.output
    assert not list(tmp_path.glob("*.parquet"))


def test_an_unknown_program_is_bad_usage(vascx: Path) -> None:
    assert run(app, ["convert", "iris", str(vascx)]).exit_code == 2
