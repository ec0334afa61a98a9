"""The page of a run tells what its tables hold, lets no text become markup, and leads to each image's numbers."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retquant.biomarkers import find_column
from retquant.errors import OutputError
from retquant.report.cohort_figures import LISTED, distribution
from retquant.report.cohort_page import RunFacts, write_cohort_page
from retquant.report.packed_values import PackedValues, unpacked
from retquant.report.page_script import script_json
from retquant.report.subject_pages import IMAGES_A_PART
from retquant.tables.dictionary import write_dictionary
from retquant.tables.participants import write_participants
from retquant.tables.parts import write_part
from retquant.tables.schemas import CHUNK_TABLES, HYGIENE, arrow_schema, table_schemas

HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)>'"&\u2028😀../"""
DENSITY, TORTUOSITY, AREA, SCORE = (
    "vessel_area_density_fov",
    "vessel_tortuosity_hart1_median_zone_c",
    "disc_area",
    "quality_score",
)
COLUMNS = [find_column(name) for name in (DENSITY, TORTUOSITY, AREA, SCORE)]
Rendered = Callable[[str], tuple[str, str]]


def facts(images: int, **changes: object) -> RunFacts:
    return RunFacts(
        **{
            "state": "finished", "images": images, "kept": 2, "images_per_second": 3.5, "seconds": 12.0,
            "seconds_by_stage": {"read": 1.0, "segment": 9.0}, "started": "2030-01-01T00:00:00Z",
            "finished": None, "command": "retquant cohort run m.csv", "version": "9.9", **changes,
        }
    )  # fmt: skip


def run_folder(
    out: Path,
    values: dict[str, list[float]],
    *,
    failed: tuple[str, ...] = (),
    waiting: int = 0,
    name: str = "eye-{}",
) -> list[str]:
    """A run's tables: `values` by column, an image a value, then those that failed; the ids of them all."""
    count = len(values[DENSITY])
    done = [name.format(n) for n in range(count)]
    ids = [*done, *failed, *(f"waiting-{n}" for n in range(waiting))]
    keys = [f"key-{image_id}" for image_id in ids]
    rows = {table: {} for table in CHUNK_TABLES}
    rows["biomarkers"] = {"image_id": done, "result_key": keys[:count], **values}
    rows["quality"] = {"image_id": done, "grade": ["good" if n % 2 else "reject" for n in range(count)]}
    rows["failures"] = {
        "image_id": list(failed), "result_key": keys[count : count + len(failed)], "stage": ["read"] * len(failed),
        "error": ["ImageError"] * len(failed), "where": [HOSTILE] * len(failed),
        "message": [f"no picture {HOSTILE}"] * len(failed), "hint": ["give another file"] * len(failed),
    }  # fmt: skip
    missing = [(i, column) for column, of in values.items() for i, v in zip(done, of, strict=True) if v != v]
    rows["missing"] = {
        "image_id": [image_id for image_id, _ in missing],
        "biomarker": [column for _, column in missing],
        "reason": ["no_disc"] * len(missing),
    }
    widths = [90.0, 120.0, 70.0]
    rows["vessels"] = {
        "image_id": [done[0]] * 3 if done else [], "structure": ["artery", "artery", "vein"][: 3 * bool(done)],
        "segment": [0, 1, 2][: 3 * bool(done)], "calibre_px": widths[: 3 * bool(done)],
        "in_zone_b": [True] * (3 * bool(done)), "equivalent_rank": [1, None, None][: 3 * bool(done)],
    }  # fmt: skip
    for table, schema in table_schemas(COLUMNS).items():
        length = len(next(iter(rows[table].values()), []))
        columns = [pa.array(rows[table].get(f.name, [None] * length), f.type) for f in schema]
        write_part(out, table, pa.table(columns, schema=schema), stem="1", facts={"chunks": ["1"]})
    write_dictionary(out, COLUMNS, facts={})
    people = pa.table({"image_id": ids, "participant_id": [f"person {n // 2}" for n in range(len(ids))]})
    write_participants(out, people, facts={})
    return ids


def plain_values(count: int) -> dict[str, list[float]]:
    spread = np.random.default_rng(0).normal(0.1, 0.01, count).tolist()
    return {
        DENSITY: spread,
        TORTUOSITY: [1.25] * count,
        AREA: [float("nan")] * count,
        SCORE: np.linspace(0, 1, count).tolist(),
    }


class Page(HTMLParser):
    """Text and tags of a page; fails where tags are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        assert self.opened == []
        self.text = re.sub(r"\s+", " ", "".join(self.words)).replace("\u202f", " ")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for key, value in attrs if key == "href"]
        if tag not in ("meta", "input", "wbr", "br"):
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.opened or self.opened[-1] not in ("style", "script"):
            self.words.append(data)


def written(out: Path, run: RunFacts) -> Page:
    return Page(write_cohort_page(out, run).read_text(encoding="utf-8"))


def data(out: Path, name: str) -> dict:
    text = (out / "pages" / name).read_text(encoding="utf-8")
    return json.loads(text[text.index("=") + 1 :].rstrip(";\n"))


def test_counts_failures_quality_and_distributions_are_told(tmp_path: Path) -> None:
    values = plain_values(40)
    values[DENSITY][7] = 0.5
    run_folder(tmp_path, values, failed=("bad-1", "bad-2"), waiting=3)
    page = written(tmp_path, facts(45, state="interrupted", problem="the disk was full"))
    assert "45 images of 23 people 40 were measured, 2 failed, 3 are still to do" in page.text
    assert "The run is interrupted" in page.text
    assert "It ended with: the disk was full" in page.text
    assert "3.50images/s, latest run" in page.text
    assert "read: ImageError2 images" in page.text
    assert "→ give another file" in page.text
    assert "segment9.00 s 90 %" in page.text
    assert "good20 50 %" in page.text
    assert f"always {1.25}" in page.text
    assert "disc_area no disc (the optic disc is not known) 40" in page.text
    assert "1 outlier eye-7 0.500, +" in page.text
    assert {"pages/subject.html#eye-7", "pages/subject.html#bad-1"} <= set(page.links)
    assert page.tags.count("svg") == 2  # density and score; tortuosity is constant and the area has no values


def test_hostile_ids_and_messages_stay_text_in_every_file(tmp_path: Path) -> None:
    values = plain_values(30)
    values[DENSITY][0] = 9.0
    ids = run_folder(tmp_path, values, failed=(HOSTILE,), name=HOSTILE + "{}")
    page = written(tmp_path, facts(31, command=HOSTILE, problem=HOSTILE, models=[HOSTILE], state=HOSTILE))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert HOSTILE.replace("\u2028", " ") in page.text.replace("\u2028", " ")
    link = next(link for link in page.links if link.endswith("0"))
    assert re.fullmatch(r"pages/subject\.html#[\w.%~-]+", link)
    assert "%2F" in link
    assert data(tmp_path, "names.js")["ids"] == ids
    for file in (tmp_path / "pages").glob("*.js"):
        assert not set(file.read_text(encoding="utf-8")) & set("<\u2028")


def test_text_inside_scripts_opens_no_tag_and_ends_no_line() -> None:
    text = script_json([HOSTILE])
    assert not set(text) & set("<\u2028")
    assert "😀" in text
    assert json.loads(text) == [HOSTILE]


def test_every_part_names_its_people_so_that_they_can_be_withdrawn(tmp_path: Path) -> None:
    ids = run_folder(tmp_path, plain_values(IMAGES_A_PART + 1), name="é-{}")
    written(tmp_path, facts(IMAGES_A_PART + 1))
    for part, image_id in (("part-0000.js", ids[0]), ("part-0001.js", ids[-1])):
        assert image_id.encode() in (tmp_path / "pages" / part).read_bytes()


def test_a_run_without_failures_and_one_with_nothing_else(tmp_path: Path) -> None:
    run_folder(tmp_path / "good", plain_values(5))
    assert "Failures None." in written(tmp_path / "good", facts(5)).text
    run_folder(tmp_path / "bad", {name: [] for name in plain_values(0)}, failed=("a", "b", "c", "d", "e"))
    page = written(tmp_path / "bad", facts(5))
    assert "0 were measured, 5 failed" in page.text
    assert "No image has a value." in page.text
    assert "2 more" in page.text


def test_one_image_alone_has_a_page(tmp_path: Path) -> None:
    run_folder(tmp_path, plain_values(1))
    page = written(tmp_path, facts(1))
    assert "1 image of 1 person 1 was measured" in page.text
    assert "svg" not in page.tags


def test_the_overview_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    run_folder(tmp_path, plain_values(9))
    page = write_cohort_page(tmp_path, facts(9)).read_text(encoding="utf-8")
    assert not re.search(r"(\ssrc=|url\(|@import|https?:)", page)
    assert "default-src 'none'" in page


def test_parts_hold_the_values_of_their_images_and_reasons_where_there_is_none(tmp_path: Path) -> None:
    values = plain_values(IMAGES_A_PART + 30)
    run_folder(tmp_path, values, failed=("bad",))
    written(tmp_path, facts(IMAGES_A_PART + 31))
    columns = data(tmp_path, "columns.js")
    names = [column["name"] for column in columns["columns"]]
    second = data(tmp_path, "part-0001.js")
    numbers, reasons = unpacked(second["values"], len(names))
    assert numbers.shape == (31, len(names))
    density = np.array(values[DENSITY][IMAGES_A_PART:], np.float32)
    # a value keeps 16 bits of its mantissa, so it is off by half of 2**-16 at most
    np.testing.assert_allclose(numbers[:-1, names.index(DENSITY)], density, rtol=2**-16)
    number = int(reasons[0, names.index(AREA)])
    assert columns["reasons"][str(number)][0] == "no_disc"
    assert not reasons[-1].any()
    assert second["images"][-1]["failure"]["error"] == "ImageError"
    first = data(tmp_path, "part-0000.js")["images"][0]
    assert [line[1] for line in first["vessels"]["artery"]] == [90, 120]


def test_fewer_images_leave_no_part_of_an_earlier_writing(tmp_path: Path) -> None:
    run_folder(tmp_path, plain_values(IMAGES_A_PART + 1))
    written(tmp_path, facts(1))
    assert (tmp_path / "pages" / "part-0001.js").exists()
    run_folder(tmp_path, plain_values(3))
    written(tmp_path, facts(3))
    assert [file.name for file in sorted((tmp_path / "pages").glob("part-*"))] == ["part-0000.js"]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no run here"):
        write_cohort_page(tmp_path, facts(0))


def test_findings_about_the_cohort_are_listed_with_links_and_no_markup(tmp_path: Path) -> None:
    ids = run_folder(tmp_path, plain_values(5), name=HOSTILE + "{}")
    rows = [
        {
            "kind": "same_file",
            "is_grave": True,
            "image_id": ids[0],
            "other_image_id": ids[n],
            "meaning": HOSTILE,
        }
        for n in (1, 2, 3, 4)
    ]
    rows.append({"kind": "mirrored", "is_grave": False, "image_id": ids[1], "other_image_id": ids[2],
                 "similarity": 0.875, "meaning": "mirrored"})  # fmt: skip
    found = pa.Table.from_pylist(rows, schema=arrow_schema(HYGIENE))
    write_part(tmp_path, "hygiene", found, stem="0", facts={})
    page = written(tmp_path, facts(5))
    assert "img" not in page.tags
    assert f"{ids[0]} – {ids[1]};".replace("\u2028", " ") in page.text.replace("\u2028", " ")
    assert "1 more" in page.text
    assert "(0.875)" in page.text


def test_a_run_that_nobody_looked_at_yet_says_nothing_of_hygiene(tmp_path: Path) -> None:
    run_folder(tmp_path, plain_values(3))
    assert "Hygiene" not in written(tmp_path, facts(3)).text


def test_outliers_are_the_farthest_by_robust_distance() -> None:
    values = np.concatenate([np.random.default_rng(1).normal(10, 1, 5000), np.arange(30, 60), [np.nan, -20]])
    found = distribution(values.astype(np.float32))
    assert found is not None
    assert found.count == 5031
    assert len(found.outlier_rows) == 31
    assert len(found.outliers) == LISTED
    assert (found.outliers[0].row, found.outliers[0].value) == (5029, 59)
    assert found.outliers[0].z == pytest.approx(
        49, rel=0.05
    )  # the sample's median and spread are not quite 10 and 1


def test_a_column_whose_values_are_mostly_one_has_no_outliers() -> None:
    found = distribution(np.array([1.0] * 60 + [2.0] * 40, np.float32))
    assert found is not None
    assert not found.has_spread
    assert found.outliers == ()
    assert distribution(np.full(3, np.nan, np.float32)) is None


def test_packed_values_survive_every_size_and_sign() -> None:
    values = np.array([0, -1e-30, 3.4e37, 123.456, -0.001, np.nan, np.inf], np.float32)
    packed = PackedValues(len(values), 1)
    packed.put(0, values)
    rows = np.array([4, 5])
    packed.put_reasons(rows, np.zeros(2, int), np.array([7, 7], np.uint8))
    numbers, reasons = unpacked(packed.text(slice(0, len(values))), 1)
    np.testing.assert_allclose(numbers[:5, 0], values[:5], rtol=2**-16)
    assert np.isnan(numbers[5:, 0]).all()
    assert reasons[:, 0].tolist() == [0, 0, 0, 0, 0, 7, 0]


def test_in_chromium_a_link_of_the_overview_opens_that_image_with_its_numbers(
    tmp_path: Path, rendered: Rendered
) -> None:
    values = plain_values(40)
    values[DENSITY][0] = 0.4321
    out = tmp_path / "run"
    ids = run_folder(out, values, failed=("bad",), name=HOSTILE + "{}")
    (out / "overlays").mkdir()
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    (out / "overlays" / "bad.png").write_bytes(base64.b64decode(pixel))
    page = written(out, facts(41))
    overview, said = rendered((out / "index.html").as_uri())
    assert said == ""
    assert "40 were measured" in Page(write_cohort_page(out, facts(41)).read_text(encoding="utf-8")).text
    assert overview.count("<svg") == 2
    link = next(link for link in page.links if link.endswith("0"))
    shown, said = rendered(f"{out.as_uri()}/{link}")
    assert said == ""
    assert "<img" not in shown.split("<script")[0].replace(html.escape("<img"), "")
    text = html.unescape(shown)
    assert ids[0] in text
    for part in ("person 0", "0.4321", "highest", "missing: no disc", "artery 1", "Grade"):
        assert part in text
    failed, said = rendered(f"{out.as_uri()}/pages/subject.html#bad")
    assert said == ""
    assert "give another file" in failed
    assert 'src="../overlays/bad.png"' in failed
    search, said = rendered(f"{out.as_uri()}/pages/subject.html?q=person+20")
    assert said == ""
    assert 'href="#bad"' in search


def test_in_chromium_the_vessels_that_crae_is_made_of_are_marked(tmp_path: Path, rendered: Rendered) -> None:
    out = tmp_path / "run"
    ids = run_folder(out, plain_values(3))
    schema = table_schemas(COLUMNS)["vessels"]
    rows = [
        {"structure": "artery", "segment": n, "calibre_px": 20.0 - n, "in_zone_b": True}
        | ({"equivalent_rank": n, "equivalent_calibre_px": 30.0 - n} if n else {})
        for n in range(8)  # the widest does not cross the zone; seven do, of which six enter
    ]
    rows += [
        {"structure": "vein", "segment": n, "calibre_px": 9.0, "in_zone_b": True, "equivalent_rank": n}
        for n in (1, 2, 3)  # too few for any equivalent
    ]
    table = pa.Table.from_pylist([{"image_id": ids[0], **row} for row in rows], schema=schema)
    write_part(out, "vessels", table, stem="1", facts={"chunks": ["1"]})
    written(out, facts(3))
    shown, said = rendered(f"{out.as_uri()}/pages/subject.html#{ids[0]}")
    assert said == ""
    assert shown.count('<tr class="used">') == 6
    assert "CRAE as no. 6" in shown
    assert "CRAE as no. 7" not in shown
    assert "CRVE as" not in shown
