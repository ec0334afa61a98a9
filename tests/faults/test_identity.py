"""Who a person is stands in DICOM files, and in nothing that a run leaves behind: tables, pictures, logs, messages."""

from __future__ import annotations

import logging
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cohort"))

from dicom_files import (
    EN_FACE,
    IDENTITY,
    PLANTED,
    as_jpeg,
    as_jpeg_2000,
    coded,
    dicom,
    flow,
    fundus,
    written,
)
from pydicom.uid import JPEGLSLossless
from stand_ins import DENSITY

import retquant
from retquant.cli.cohort_page import run_facts
from retquant.cli.cohort_watch import say_status
from retquant.cohort import ClusterSettings, CohortSettings, Study, run
from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import read_record
from retquant.images.decode import decode
from retquant.manifest import read_manifest
from retquant.manifest.records import ImageRecord
from retquant.quality import assess
from retquant.report.cohort_page import write_cohort_page
from retquant.tables.rows import ImageRows

FUNDUS = fundus()
GREY = FUNDUS[..., 1]
SETTINGS = ImageSettings()
HERE = CohortSettings(cluster=ClusterSettings(workers=0))


def files() -> dict[str, bytes]:
    """Sound files and broken ones, each with the identity of a person in it."""
    sound = dicom(
        FUNDUS,
        identity=True,
        ImageLaterality="L",
        Manufacturer="Acme",
        AcquisitionDateTime="20240131093000",
        BurnedInAnnotation="YES",
    )
    whole = written(sound)
    unknown = as_jpeg(dicom(FUNDUS, identity=True), FUNDUS)
    unknown.file_meta.TransferSyntaxUID = JPEGLSLossless
    return {
        "sound": whole,
        "jpeg": written(as_jpeg(dicom(FUNDUS, identity=True, PixelSpacing=[0.045, 0.045]), FUNDUS)),
        "jpeg2000": written(as_jpeg_2000(dicom(GREY, identity=True), GREY)),
        "cut": whole[: len(whole) // 2],
        "cut_in_header": whole[: whole.index(b"Zyxwander") + 5],
        "other_compression": written(unknown),
        "names_where_numbers_are_due": written(
            dicom(
                FUNDUS,
                identity=True,
                ImageLaterality="Zyxwander^Quillemina",
                AcquisitionDateTime="Zyxwander",
                PhotometricInterpretation="ZYXWANDER",
            )
        ),
        "huge": written(dicom(FUNDUS, identity=True, Rows=60000, Columns=60000)),
        "lengths_that_lie": _with_wrong_lengths(whole),
        "frames": written(dicom(np.stack([FUNDUS] * 3), identity=True)),
        "angiogram": written(dicom(flow(), kind=EN_FACE, identity=True)),
    }


def _with_wrong_lengths(whole: bytes) -> bytes:
    """The name's length says that the file ends before."""
    place = whole.index(b"\x10\x00\x10\x00PN") + 6
    return whole[:place] + struct.pack("<H", 65500) + whole[place + 2 :]


FILES = files()


def texts_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Everything that can be read in a folder: names, bytes, the values of tables, pictures unpacked."""
    for path in folder.rglob("*"):
        yield str(path), str(path.relative_to(folder))
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path.name, data.decode("latin-1")
        yield path.name, data.decode("utf-16-le", "replace")
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield (
                path,
                f"{table.schema.metadata} {[field.metadata for field in table.schema]} {table.to_pylist()}",
            )
        elif path.suffix in (".png", ".jpg"):
            with Image.open(path) as picture:
                yield path.name, f"{picture.info} {dict(picture.getexif())}"
        elif path.suffix == ".arrow":
            with pa.ipc.open_file(path) as file:
                yield path.name, f"{file.schema.metadata} {file.schema}"
        elif path.suffix == ".gz":
            yield path.name, zlib.decompress(data, 47).decode("latin-1")


def found_in(texts: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    planted = [word.casefold() for word in PLANTED]
    return [(where, word) for where, text in texts for word in planted if word in text.casefold()]


def test_the_search_itself_finds_what_is_planted(tmp_path: Path) -> None:
    (tmp_path / "eye.dcm").write_bytes(FILES["sound"])
    found = {word for _, word in found_in(texts_in(tmp_path))}
    assert found == {word.casefold() for word in PLANTED} - {
        "1943-05-17"
    }  # a date is written without hyphens there


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    rows = ["image,participant_id,eye,modality"]
    for number, (name, data) in enumerate(FILES.items()):
        (folder / f"{name}.dcm").write_bytes(data)
        modality = "octa" if name == "angiogram" else "cfp"
        rows.append(f"{name}.dcm,person-{number},{'OD' if name == 'sound' else ''},{modality}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "manifest.csv"


@dataclass(frozen=True)
class OnlyRead:
    """Reads and grades each image, and draws it: all of a run that looks into files, without a model."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        image = read_record(record, settings=SETTINGS)
        quality = assess(image)
        return ImageRows(
            biomarkers={DENSITY.name: quality.measures["score"]},
            tables={"quality": {"grade": [quality.grade], "notes": ["; ".join(quality.notes)]}},
            artifacts={f"overlays/{record.image_id}.png": coded(image.pixels, "PNG")},
        )


EVERY_RUN_LEAVES = (
    *("run.json", "log.jsonl", "config.toml", "index.html", "hygiene.csv", ".cache/contents.tsv"),
    *("pages/subject.html", "pages/names.js", "pages/columns.js", "pages/part-0000.js"),
    *("biomarkers", "participants", "quality", "missing", "failures", "vessels", "dictionary", "hygiene"),
)


def lacking(out: Path, *names: str) -> list[str]:
    """Those that are not there, or empty: a search through nothing proves nothing."""
    return [
        name
        for name in names
        if not (out / name).exists()
        or ((out / name).is_dir() and not any((out / name).iterdir()))
        or ((out / name).is_file() and not (out / name).stat().st_size)
    ]


def say_all_that_is_said_of_a_run(out: Path) -> None:
    """Pages, status, findings: on the disk and on the terminal."""
    write_cohort_page(out, run_facts(out))
    say_status(out, as_json=False)
    say_status(out, as_json=True)


def tell_tales(out: Path, said: list[str], warned: list[warnings.WarningMessage]) -> list[tuple[str, str]]:
    said = [*said, *(str(warning.message) for warning in warned)]
    return found_in(iter([*texts_in(out), *(("said", text) for text in said)]))


def test_no_output_of_a_run_tells_who_a_person_is(
    cohort: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "results"
    manifest = read_manifest(cohort)
    study = Study(
        manifest=cohort,
        records=manifest.records,
        participants=manifest.participants,
        process=OnlyRead(),
        columns=(DENSITY,),
        config_digest="settings-1",
        config_toml="[images]\n",
    )
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        summary = run(study, out, settings=HERE)
        assert run(study, out, settings=replace(HERE, redo="failed")).failed == 7
        say_all_that_is_said_of_a_run(out)
    assert (summary.done, summary.failed) == (4, 7)
    assert lacking(out, *EVERY_RUN_LEAVES, "overlays") == []
    notes = " ".join(pq.read_table(out / "quality")["notes"].to_pylist())
    assert "the file says that this is OS, the manifest says OD" in notes  # the header was read
    assert "burned into" in notes
    assert not tell_tales(out, [caplog.text, *capfd.readouterr()], warned)


@pytest.mark.slow
def test_no_output_of_a_whole_run_with_the_default_model_does(
    cohort: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "results"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        summary = retquant.run_cohort(
            cohort, out, settings=HERE, overlays=True, masks=True, probabilities=True
        )
        say_all_that_is_said_of_a_run(out)
    assert lacking(out, *EVERY_RUN_LEAVES, "overlays", "masks") == []
    assert (summary.done, summary.failed) == (4, 7)
    assert len(list((out / "overlays").iterdir())) == 4
    table = pq.read_table(out / "quality").to_pandas().set_index("image_id")
    assert table.loc["jpeg", "um_per_px"] == 45.0
    assert table.loc["jpeg", "scale_source"] == "file"
    assert not tell_tales(out, [caplog.text, *capfd.readouterr()], warned)


@pytest.mark.parametrize("name", FILES)
def test_no_image_or_message_carries_it(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "eye.dcm").write_bytes(FILES[name])
    record = ImageRecord(image_id="eye", image=tmp_path / "eye.dcm", row=2)
    try:
        image = read_record(record, settings=SETTINGS)
        told = repr([getattr(image, field) for field in ("eye", "device", "acquired_at", "remarks", "doubt")])
    except ImageError as error:
        told = f"{error} {error!r} {error.__cause__}"
    assert not found_in(iter([("told", told), ("log", caplog.text)]))


def test_an_identity_in_every_element_that_is_read_reaches_no_fact() -> None:
    """A maker that writes names where sides and days belong tells nothing by it."""
    name = IDENTITY["PatientName"]
    elements = (
        "ImageLaterality",
        "Laterality",
        "AcquisitionDateTime",
        "AcquisitionDate",
        "ContentDate",
        "BurnedInAnnotation",
    )
    file = dicom(FUNDUS, identity=True, **dict.fromkeys(elements, name))
    found = decode(written(file), where="eye", settings=SETTINGS)
    assert not found_in(iter([("facts", repr(found.facts))]))


def test_metadata_of_other_formats_stays_out_of_messages(tmp_path: Path) -> None:
    """Names in comments, descriptions and EXIF of pictures that are then damaged."""
    from PIL.PngImagePlugin import PngInfo

    exif = Image.Exif()
    exif[270] = exif[315] = "Zyxwander Quillemina"
    info = PngInfo()
    info.add_text("Patient", "Zyxwander Quillemina")
    pictures = {
        "JPEG": {"exif": exif, "comment": b"Zyxwander Quillemina"},
        "PNG": {"pnginfo": info, "exif": exif},
        "TIFF": {"tiffinfo": {270: "Zyxwander Quillemina"}},
        "PPM": {},
    }
    random = np.random.default_rng(7)
    said = []
    for kind, options in pictures.items():
        path = tmp_path / "eye"
        Image.fromarray(FUNDUS).save(path, kind, **options)
        whole = path.read_bytes()
        if kind == "PPM":
            whole = whole.replace(b"P6\n", b"P6\n# Zyxwander\n").replace(b"255\n", b"Quillemina\n", 1)
        for _ in range(25):
            damaged = bytearray(whole)
            for place in random.integers(0, 600, size=5):
                damaged[place] = random.integers(256)
            try:
                decode(bytes(damaged), where="eye", settings=SETTINGS)
            except ImageError as error:
                said.append(str(error))
    assert said
    assert not found_in(iter([("said", text) for text in said]))
