"""What is wrong with a cohort is found when its run ends, listed, and nothing is dropped."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from stand_ins import COLUMNS, Column, in_process
from typer.testing import CliRunner

from retquant import load_biomarkers
from retquant.cli.cohort import app
from retquant.cohort import RunSummary, Study, run
from retquant.cohort.withdraw import withdraw
from retquant.errors import ImageError
from retquant.hygiene import examine
from retquant.images.fingerprint import FREQUENCIES, MIRRORED, fingerprint_numbers
from retquant.manifest.records import ImageRecord
from retquant.tables.participants import write_participants
from retquant.tables.reader import read_table
from retquant.tables.rows import ImageRows

SCORE = Column(name="quality_score", direction="higher_is_better")


@dataclass(frozen=True)
class Look:
    """Measures a JSON file that says what a picture shows: an eye by number, made in some way."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        shows = json.loads(record.image.read_text())
        if shows == "bad":
            raise ImageError("this is no picture", where=str(record.image), remedy="give another file")
        eye = np.random.default_rng(shows["of"]).normal(size=len(FREQUENCIES)) * (1.75 - 0.07 * FREQUENCIES)
        if shows.get("mirrored"):
            eye = eye * MIRRORED
        eye = eye + 0.1 * np.random.default_rng(shows.get("copy", 0)).normal(size=eye.shape)
        numbers = np.round(eye / np.abs(eye).max() * 127).astype(np.int8)
        side, said = shows.get("shown"), record.eye
        return ImageRows(
            biomarkers={SCORE.name: shows.get("score", 0.5)},
            tables={
                "quality": {
                    "grade": [shows.get("grade", "good")],
                    "laterality_inferred": [side],
                    "laterality_disagrees": [side != said if side and said else None],
                    "picture_digest": [f"{shows['of']}/{shows.get('copy', 0)}/{shows.get('mirrored', 0)}"],
                    "fingerprint": [encoded(numbers)],
                }
            },
        )


def encoded(numbers: np.ndarray) -> str:
    import base64

    text = base64.b64encode(numbers.tobytes()).decode()
    assert (fingerprint_numbers([text])[0] == numbers).all()
    return text


class Clinic:
    """A cohort whose images are told in a few words each: id -> (person, eye, visit, what the picture shows)."""

    def __init__(self, folder: Path, images: dict[str, tuple[str | None, str | None, str | None, object]]):
        self.folder, self.images, self.out = folder, images, folder / "run"
        for image_id, (*_, shows) in images.items():
            (folder / f"{image_id}.txt").write_text(json.dumps(shows))
        (folder / "manifest.csv").write_text("image\n" + "\n".join(f"{i}.txt" for i in images))

    def study(self, **more: list[object]) -> Study:
        people, eyes, visits, _ = zip(*self.images.values(), strict=True)
        return Study(
            manifest=self.folder / "manifest.csv",
            records=[
                ImageRecord(
                    image_id=image_id,
                    image=self.folder / f"{image_id}.txt",
                    row=row,
                    participant_id=person,
                    eye=eye,
                )
                for row, (image_id, (person, eye, *_)) in enumerate(self.images.items(), start=2)
            ],
            participants=pa.table(
                {
                    "image_id": pa.array(list(self.images)),
                    "participant_id": pa.array(people, pa.string()),
                    "eye": pa.array(eyes, pa.string()),
                    "visit": pa.array(visits, pa.string()),
                    **more,
                }
            ),
            process=Look(),
            columns=(*COLUMNS[:1], SCORE),
            config_digest="settings-1",
            config_toml="",
        )

    def run(self, **more: list[object]) -> RunSummary:
        return run(self.study(**more), self.out, settings=in_process())

    def found(self) -> list[tuple[object, ...]]:
        rows = read_table(self.out, "hygiene").to_pylist()
        return [(r["kind"], r["between"], r["image_id"], r["other_image_id"], r["is_grave"]) for r in rows]

    def primary(self) -> dict[str, bool | None]:
        table = read_table(self.out, "participants")
        return dict(zip(table["image_id"].to_pylist(), table["primary"].to_pylist(), strict=True))


def test_copies_are_told_by_whose_they_are_and_how_they_were_made(tmp_path: Path) -> None:
    clinic = Clinic(
        tmp_path,
        {
            "a-right": ("ann", "OD", "1", {"of": 1}),
            "a-left": ("ann", "OS", "1", {"of": 2}),
            "b-right": ("bob", "OD", "1", {"of": 1}),  # the very file of ann's
            "b-left": ("bob", "OS", "1", {"of": 3, "score": 0.6}),
            "c-right": ("cem", "OD", "1", {"of": 4}),
            "c-left": ("cem", "OS", "1", {"of": 4, "score": 0.1}),  # the same pixels in another file
            "d-right": ("dan", "OD", "1", {"of": 2, "copy": 7}),  # ann's left, compressed anew
            "d-left": ("dan", "OS", "1", {"of": 3, "copy": 8, "mirrored": 1}),  # bob's left, turned about
            "e-first": ("eve", "OD", "1", {"of": 5}),
            "e-later": ("eve", "OD", "2", {"of": 5, "copy": 9}),
            "e-again": ("eve", "OD", "1", {"of": 5, "copy": 10}),  # taken at once after the first: usual
        },
    )
    summary = clinic.run()
    assert clinic.found() == [
        ("same_file", "people", "a-right", "b-right", True),
        ("same_picture", "eyes", "c-right", "c-left", True),
        ("near_identical", "people", "a-left", "d-right", True),
        ("mirrored", "people", "b-left", "d-left", True),
        ("near_identical", "visits", "e-first", "e-later", False),
        ("near_identical", "visits", "e-later", "e-again", False),
    ]
    assert summary.hygiene is not None
    assert summary.hygiene.grave == 4
    assert "1 × the same file under two names (two people)" in summary.hygiene.sentence
    assert len(load_biomarkers(clinic.out)) == 11  # nothing is dropped


def test_files_that_cannot_be_read_are_the_same_file_too(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, {"a": ("ann", "OD", None, "bad"), "b": ("bob", "OD", None, "bad")})
    clinic.run()
    assert clinic.found() == [("same_file", "people", "a", "b", True)]
    assert clinic.primary() == {"a": False, "b": False}


def test_eyes_that_look_exchanged_are_told_by_twos(tmp_path: Path) -> None:
    clinic = Clinic(
        tmp_path,
        {
            "a1": ("ann", "OD", "1", {"of": 1, "shown": "OS"}),
            "a2": ("ann", "OS", "1", {"of": 2, "shown": "OD"}),
            "b1": ("bob", "OD", "1", {"of": 3, "shown": "OS"}),
            "b2": ("bob", "OS", "1", {"of": 4, "shown": "OS"}),
            "c1": (None, "OD", None, {"of": 5, "shown": "OS"}),
            "d1": ("dan", None, None, {"of": 6, "shown": "OS"}),
        },
    )
    clinic.run()
    assert clinic.found() == [
        ("eyes_swapped", "eyes", "a1", "a2", True),
        ("eye_disagrees", None, "b1", None, False),
        ("eye_disagrees", None, "c1", None, False),
    ]


def test_of_several_pictures_of_an_eye_and_visit_the_best_is_primary_and_the_rest_stay(
    tmp_path: Path,
) -> None:
    clinic = Clinic(
        tmp_path,
        {
            "poor": ("ann", "OD", "1", {"of": 1, "grade": "usable", "score": 0.9}),
            "best": ("ann", "OD", "1", {"of": 2, "grade": "good", "score": 0.7}),
            "good": ("ann", "OD", "1", {"of": 3, "grade": "good", "score": 0.6}),
            "broken": ("ann", "OD", "1", "bad"),
            "other-eye": ("ann", "OS", "1", {"of": 4, "grade": "reject"}),
            "other-visit": ("ann", "OD", "2", {"of": 5}),
            "shown": ("bob", None, None, {"of": 6, "shown": "OD"}),
            "unsure": ("cem", None, None, {"of": 7}),
            "unsure-too": ("cem", None, None, {"of": 8}),
            "alone": ("dan", None, None, {"of": 9}),
            "nobody": (None, "OD", None, {"of": 10}),
            "nobody-else": (None, "OD", None, {"of": 11}),
        },
    )
    summary = clinic.run()
    assert clinic.primary() == {
        "poor": False, "best": True, "good": False, "broken": False, "other-eye": True, "other-visit": True,
        "shown": True, "unsure": None, "unsure-too": None, "alone": True, "nobody": True, "nobody-else": True,
    }  # fmt: skip
    assert summary.hygiene is not None
    assert summary.hygiene.several == 2
    loaded = load_biomarkers(clinic.out)
    assert loaded.set_index("image_id")["primary"].astype(object).where(
        lambda v: v.notna(), None
    ).to_dict() == {image: value for image, value in clinic.primary().items() if image != "broken"}
    assert loaded.set_index("image_id").loc["poor", SCORE.name] == np.float32(0.9)


def test_a_manifests_own_primary_stays(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, {"a": ("ann", "OD", "1", {"of": 1}), "b": ("ann", "OD", "1", {"of": 2})})
    own = [0, 1]
    summary = clinic.run(primary=own)
    assert summary.hygiene is not None
    assert summary.hygiene.keeps_own_primary
    assert list(clinic.primary().values()) == own


def test_a_run_that_has_nothing_to_do_looks_at_nothing_again_and_changes_no_file(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, {n: (n, "OD", "1", {"of": 1}) for n in "ab"})
    clinic.run()
    before = {path: path.stat().st_mtime_ns for path in clinic.out.rglob("*.parquet") if path.parent.name in
              ("participants", "hygiene")}  # fmt: skip
    assert clinic.run().hygiene is None
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert clinic.primary() == {"a": True, "b": True}
    corrected = clinic.run(age=[40, 50])
    assert corrected.done == 0
    assert clinic.primary() == {"a": True, "b": True}
    assert read_table(clinic.out, "participants")["age"].to_pylist() == [40, 50]
    assert clinic.found() == [("same_file", "people", "a", "b", True)]


def test_the_command_says_what_is_grave_and_writes_a_harmless_sheet(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, {"=1+1": ("@ann", "OD", "1", {"of": 1}), "b": ("bob", "OD", "1", {"of": 1})})
    clinic.run()
    for path in (clinic.out / "hygiene.csv", *(clinic.out / "hygiene").glob("*")):
        path.unlink()
    done = CliRunner().invoke(app, ["hygiene", str(clinic.out)])
    assert done.exit_code == 0, done.output
    assert "=1+1 and b: the same file under two names (two people)" in done.output
    with open(clinic.out / "hygiene.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["image_id"], row["participant_id"], row["other_image_id"]) == ("'=1+1", "'@ann", "b")
    as_json = CliRunner().invoke(app, ["hygiene", str(clinic.out), "--json"])
    assert json.loads(as_json.stdout)["grave"] == 1


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["hygiene", str(tmp_path)])
    assert done.exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_who_withdraws_leaves_the_findings_too(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, {f"{n}-eye": (n, "OD", "1", {"of": 1}) for n in ("ann", "bob", "cem")})
    clinic.run()
    removed = withdraw(clinic.out, ["bob"])
    assert {"hygiene", "hygiene.csv"} <= set(removed.pages)
    left = [path for path in clinic.out.rglob("*") if path.is_file() and b"bob-eye" in path.read_bytes()]
    assert left == []
    examine(clinic.out)
    assert clinic.found() == [("same_file", "people", "ann-eye", "cem-eye", True)]


def test_a_killed_run_leaves_no_labels_behind_that_the_next_would_take_for_the_manifests(
    tmp_path: Path,
) -> None:
    clinic = Clinic(tmp_path, {"a": ("ann", "OD", "1", {"of": 1})})
    clinic.run()
    table = read_table(clinic.out, "participants")
    facts = {"retquant": "0"}  # as another version wrote it
    write_participants(clinic.out, table.drop_columns(["primary"]), facts=facts)
    clinic.run()
    assert clinic.primary() == {"a": True}
