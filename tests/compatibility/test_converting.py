"""Converting other programs' tables: values land under our names only where they mean the same."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pyarrow as pa
import pytest

from retquant.biomarkers import BIOMARKERS
from retquant.compatibility import PROGRAMS, Conversion, convert, program, write_table
from retquant.errors import ConfigError, OutputError

ZONE_B = """index,Name,CDR_vertical,Vessel_density,Distance_tortuosity,CRAE_Knudtson,CRVE_Knudtson,AVR_Knudtson
0,a.png,0.5,0.04,1.08,160,220,0.7272727
1,b.png,-1,-1,-1,-1,-1,1.0
2,c.png,0.4,0.05,1.1,150,-1,-150.0
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def column(conversion: Conversion, name: str) -> list[float | None]:
    return conversion.table.column(name).to_pylist()


def test_a_zone_of_automorph_takes_its_region_from_the_files_name(tmp_path: Path) -> None:
    file = write(tmp_path, "Disc_Zone_B_Measurement.csv", ZONE_B)
    conversion = convert(program("automorph"), [file])
    assert conversion.table.column_names == [
        "image_id",
        "cdr_vertical",
        "crae_knudtson_zone_b",
        "crve_knudtson_zone_b",
        "avr_knudtson_zone_b",
    ]
    assert column(conversion, "image_id") == ["a", "b", "c"]
    assert column(conversion, "crae_knudtson_zone_b") == [160.0, None, 150.0]


def test_a_ratio_of_failures_is_missing(tmp_path: Path) -> None:
    file = write(tmp_path, "Disc_Zone_B_Measurement.csv", ZONE_B)
    conversion = convert(program("automorph"), [file])
    assert column(conversion, "avr_knudtson_zone_b") == [pytest.approx(0.7272727), None, None]


def test_what_is_defined_otherwise_is_left_out_with_the_reason(tmp_path: Path) -> None:
    file = write(tmp_path, "Disc_Zone_B_Measurement.csv", ZONE_B)
    left = {fate.theirs: fate.why for fate in convert(program("automorph"), [file]).of("left out")}
    assert set(left) == {"Vessel_density", "Distance_tortuosity"}
    assert "square frame" in left["Vessel_density"]
    assert "from pixel to pixel" in left["Distance_tortuosity"]


def test_keeping_all_never_uses_our_names_for_what_is_not_comparable(tmp_path: Path) -> None:
    file = write(tmp_path, "Disc_Zone_B_Measurement.csv", ZONE_B)
    conversion = convert(program("automorph"), [file], keep_all=True)
    kept = set(conversion.table.column_names) - {"image_id"}
    assert {"automorph:Vessel_density", "automorph:Distance_tortuosity"} == {
        n for n in kept if n not in BIOMARKERS
    }
    assert column(conversion, "automorph:Vessel_density") == [0.04, None, 0.05]


def test_the_zones_of_one_run_are_joined_on_the_image(tmp_path: Path) -> None:
    b = write(tmp_path, "Disc_Zone_B_Measurement.csv", ZONE_B)
    c = write(
        tmp_path,
        "Disc_Zone_C_Measurement.csv",
        "Name,CDR_vertical,CRAE_Knudtson\nc.png,0.4,140\nd.png,0.3,130\n",
    )
    conversion = convert(program("automorph"), [b, c])
    assert column(conversion, "image_id") == ["a", "b", "c", "d"]
    assert column(conversion, "cdr_vertical") == [0.5, None, 0.4, 0.3]
    assert column(conversion, "crae_knudtson_zone_c") == [None, None, 140.0, 130.0]


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    b = write(tmp_path, "Disc_Zone_B_Measurement.csv", ZONE_B)
    c = write(tmp_path, "Disc_Zone_C_Measurement.csv", "Name,CDR_vertical\na.png,0.6\n")
    with pytest.raises(ConfigError, match=r"CDR_vertical of image 'a' is 0\.6 here and 0\.5"):
        convert(program("automorph"), [b, c])


def test_widths_without_a_pixel_size_are_refused_and_ratios_kept(tmp_path: Path) -> None:
    text = "Name,CRAE_Knudtson,CRVE_Knudtson,AVR_Knudtson,CRAE_Hubbard,CRVE_Hubbard,AVR_Hubbard\n"
    file = write(
        tmp_path, "Disc_Zone_B_Measurement.csv", text + "1.png,21324,30361,0.7024,23951,27407,0.8739\n"
    )
    conversion = convert(program("automorph"), [file])
    assert conversion.table.column_names == ["image_id", "avr_knudtson_zone_b"]
    assert {fate.why for fate in conversion.of("left out")} == {
        "AutoMorph was given no pixel size: values are too large to be micrometres"
    }


def test_a_region_can_be_said_where_the_name_does_not_tell(tmp_path: Path) -> None:
    file = write(tmp_path, "table.csv", ZONE_B)
    with pytest.raises(ConfigError, match="does not tell which region"):
        convert(program("automorph"), [file])
    assert "crae_knudtson_zone_c" in convert(program("automorph"), [file], region="zone_c").table.column_names


def test_pixels_of_vascx_become_micrometres_and_wait_for_a_scale(tmp_path: Path) -> None:
    text = "id,md_diam_arteries,md_tort_dist_veins,full_cre_veins\nx,9.5,1.04,30\ny,,1.05,\n"
    file = write(tmp_path, "biomarkers.csv", text)
    without = convert(program("vascx"), [file])
    assert without.table.column_names == ["image_id", "vein_tortuosity_hart1_median_fov"]
    scaled = convert(program("vascx"), [file], um_per_px=10.0)
    assert column(scaled, "artery_calibre_median_fov") == [95.0, None]
    assert column(scaled, "crve_knudtson_zone_b") == [300.0, None]
    assert column(scaled, "vein_tortuosity_hart1_median_fov") == [1.04, 1.05]


def test_millimetres_of_vascx_are_not_scaled_again(tmp_path: Path) -> None:
    file = write(tmp_path, "biomarkers.csv", "id,md_diam_arteries\nx,0.095\ny,0.1\n")
    for um_per_px in (None, 10.0):
        conversion = convert(program("vascx"), [file], um_per_px=um_per_px)
        assert column(conversion, "artery_calibre_median_fov") == [pytest.approx(95.0), pytest.approx(100.0)]


def test_pvbm_gives_knudtson_from_six_vessels_and_never_hubbard_or_pixel_lengths(tmp_path: Path) -> None:
    text = "image,craek,crvek,craeh,AVR_k,artery_medTor,D0_vein,artery_startp,vein_startp\n"
    text += "1,20,30,21,0.6667,1.07,1.4,6,7\n2,-1,30,-1,-0.0333,1.08,1.5,6,6\n3,15,28,16,0.536,1.08,1.5,4,6\n"
    conversion = convert(program("pvbm"), [write(tmp_path, "vbms.csv", text)], um_per_px=5.0)
    assert column(conversion, "crae_knudtson_zone_b") == [100.0, None, None]
    assert column(conversion, "crve_knudtson_zone_b") == [150.0, 150.0, 140.0]
    assert column(conversion, "avr_knudtson_zone_b") == [0.6667, None, None]
    left = {fate.theirs for fate in conversion.of("left out")}
    assert left == {"craeh", "artery_medTor", "D0_vein", "artery_startp", "vein_startp"}


def test_equivalents_of_pvbm_without_the_number_of_vessels_are_left_out(tmp_path: Path) -> None:
    file = write(tmp_path, "vbms.csv", "image,craek,AVR_k,startp_artery\n1,20,0.67,6\n")
    conversion = convert(program("pvbm"), [file], um_per_px=5.0)
    assert column(conversion, "crae_knudtson_zone_b") == [100.0]
    why = {fate.theirs: fate.why for fate in conversion.of("left out")}
    assert why["AVR_k"] == (
        "the table does not tell from how many vessels: artery_startp and vein_startp beside it would"
    )


def test_two_spellings_of_one_column_give_it_once(tmp_path: Path) -> None:
    file = write(
        tmp_path, "biomarkers.csv", "id,temporal_angle_veins,median_temporal_angle_veins\nx,120,121\n"
    )
    conversion = convert(program("vascx"), [file])
    assert column(conversion, "vein_arcade_angle") == [120.0]
    assert [fate.why for fate in conversion.of("left out")] == [
        "temporal_angle_veins gives the same column already"
    ]


def test_columns_of_the_users_own_are_left_out_with_a_word(tmp_path: Path) -> None:
    text = "image,eye,age,craek,artery_startp\n1,OD,50,20,6\n"
    conversion = convert(program("pvbm"), [write(tmp_path, "vbms.csv", text)], um_per_px=5.0, keep_all=True)
    names = ["image_id", "pvbm:age", "crae_knudtson_zone_b", "pvbm:artery_startp"]
    assert conversion.table.column_names == names
    why = {fate.theirs: fate.why for fate in conversion.of("left out")}
    assert why["eye"] == "holds no numbers"
    assert why["age"] == "not among the names that are known"


def test_a_large_table_is_read_in_time_that_grows_with_its_rows(tmp_path: Path) -> None:
    rows = "\n".join(f"{number},0.67" for number in range(50_000))
    file = write(tmp_path, "vbms.csv", f"image,D0_vein\n{rows}\n")
    start = time.process_time()
    assert convert(program("pvbm"), [file]).table.num_rows == 50_000
    assert (
        time.process_time() - start < 5.0
    )  # about 1 s measured; comparing every image with every other takes a minute


def test_a_converted_column_carries_our_definition_and_its_source(tmp_path: Path) -> None:
    file = write(tmp_path, "Disc_Zone_B_Measurement.csv", ZONE_B)
    field = convert(program("automorph"), [file]).table.schema.field("crae_knudtson_zone_b")
    facts = {key.decode(): value.decode() for key, value in field.metadata.items()}
    assert facts["definition"] == BIOMARKERS["crae_knudtson_zone_b"].definition
    assert facts["source"] == "AutoMorph CRAE_Knudtson"
    assert facts["comparable"] == "same"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no column names the image"),
        ("a,b\n1,2\n", "no column names the image"),
        ("id,weight\nx,3\n", "none of its columns is one of VascX's"),
        ("id,vd_veins\nx,0.1\nx,0.2\n", "image 'x' stands twice"),
        ("id,vd_veins\n,0.1\n", "names no image"),
        ("id,vd_veins\nx,high\n", "vd_veins is 'high', which is no number"),
        ("id,vd_veins\nx,0.1,9\n", "3 cells where the header has 2"),
        ("id,vd_veins,vd_veins\nx,1,2\n", "column 'vd_veins' stands twice"),
        ("id,vd_veins\nx,\x00\n", "no number|cannot be read"),
    ],
)
def test_a_table_of_another_kind_is_refused_in_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        convert(program("vascx"), [write(tmp_path, "table.csv", text)])
    assert caught.value.remedy


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        convert(program("vascx"), [tmp_path / "none.csv"])
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read as CSV"):
        convert(program("vascx"), [tmp_path / "image.png"])
    with pytest.raises(ConfigError, match="cannot be read as CSV"):
        convert(program("vascx"), [tmp_path])


@pytest.mark.parametrize("scale", [0.0, -5.0, math.nan, math.inf, 1e6])
def test_a_scale_that_is_none_is_refused(tmp_path: Path, scale: float) -> None:
    file = write(tmp_path, "biomarkers.csv", "id,md_diam_veins\nx,9\n")
    with pytest.raises(ConfigError, match="is no scale of a photograph"):
        convert(program("vascx"), [file], um_per_px=scale)


@pytest.mark.parametrize("missing", ["", "NA", "nan", "NaN", "inf", " "])
def test_every_word_for_missing_is_missing_and_infinity_too(tmp_path: Path, missing: str) -> None:
    file = write(tmp_path, "biomarkers.csv", f"id,vd_veins\nx,{missing}\ny,0.1\n")
    assert column(convert(program("vascx"), [file]), "vein_area_density_fov") == [None, 0.1]


def test_minus_one_is_a_number_where_a_program_does_not_write_it_for_missing(tmp_path: Path) -> None:
    file = write(tmp_path, "biomarkers.csv", "id,vd_veins\nx,-1\n")
    assert column(convert(program("vascx"), [file]), "vein_area_density_fov") == [-1.0]


@pytest.mark.parametrize("key", PROGRAMS)
def test_every_column_of_a_program_meets_a_fate_and_no_value_is_lost(tmp_path: Path, key: str) -> None:
    described = program(key)
    names = list(dict.fromkeys(entry.theirs for entry in described.counterparts))
    text = f"{described.id_columns[0]},{','.join(names)}\nx,{','.join('0.5' for _ in names)}\n"
    file = write(tmp_path, "Disc_Zone_B_Measurement.csv", text)
    conversion = convert(described, [file], um_per_px=5.0, keep_all=True)
    assert [fate.theirs for fate in conversion.fates] == names
    assert all(fate.n == 1 for fate in conversion.fates if "knudtson" not in (fate.ours or ""))
    assert conversion.table.num_columns == 1 + len(names)


def test_tables_are_written_by_their_suffix(tmp_path: Path) -> None:
    table = pa.table({"image_id": ["a"], "crae_knudtson_zone_b": [1.5]})
    write_table(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[1] == '"a",1.5'
    with pytest.raises(ConfigError, match="no kind of table"):
        write_table(table, tmp_path / "t.xlsx")
    with pytest.raises(OutputError, match="cannot be written"):
        write_table(table, tmp_path / "t.csv" / "below.csv")
