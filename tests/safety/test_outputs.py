"""What a run leaves on the disk can do nobody any harm: no code, no names that lead elsewhere, no doors left open."""

from __future__ import annotations

import json
import os
import pickletools
import socket
import stat
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from stand_ins import Cohort, Measure, in_process, values

from retquant.cli.cohort_page import run_facts
from retquant.cohort import ClusterSettings, run
from retquant.cohort.cluster import connect
from retquant.manifest.records import ImageRecord
from retquant.report.cohort_page import write_cohort_page
from retquant.tables.rows import ImageRows

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }}",
    "</title><svg onload=alert(1)>",
    "'; DROP TABLE biomarkers;--",
    "$(touch pwned)",
    "\u202egnp.exe",
)


def files_of(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def is_pickle(data: bytes) -> bool:
    """Whether the bytes, or those from any pickle's beginning in them, are a whole pickle."""
    try:
        for _ in pickletools.genops(data):
            pass
    except Exception:  # whatever else it is
        return False
    return True


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The folder of a run with results, failures, overlays and a page."""
    cohort = Cohort(tmp_path, {**values(6), "90-bad": "bad"})
    run(cohort.study(), cohort.out, settings=in_process())
    write_cohort_page(cohort.out, run_facts(cohort.out))
    return cohort.out


def test_every_output_is_of_a_kind_that_holds_no_code(ran: Path) -> None:
    """Parquet, JSON, TOML, CSV, text, pictures, and pages; no pickle, and no archive that could hold one."""
    kinds = set()
    for path in files_of(ran):
        data = path.read_bytes()
        kinds.add(path.suffix)
        assert not is_pickle(data), path
        assert not data.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")), path
        if path.suffix == ".parquet":
            metadata = str(pq.read_schema(path).metadata)
            assert "pickle" not in metadata
            assert "ARROW:extension" not in metadata  # a type of its own could name code
        elif path.suffix in (".json", ".jsonl"):
            for line in data.decode().splitlines() if path.suffix == ".jsonl" else [data]:
                json.loads(line)
        elif path.suffix == ".toml":
            tomllib.loads(data.decode())
        assert not path.stat().st_mode & 0o111, f"{path} can be started"
        assert not path.is_symlink()
    assert kinds <= {".parquet", ".json", ".jsonl", ".toml", ".tsv", ".csv", ".html", ".js", ".png"}


def test_a_pickle_would_be_seen() -> None:
    import pickle

    assert is_pickle(pickle.dumps({"a": 1}))
    assert not is_pickle(b"PAR1")


def test_nobody_may_read_more_than_the_users_mask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        cohort = Cohort(tmp_path, values(3))
        run(cohort.study(), cohort.out, settings=in_process())
        write_cohort_page(cohort.out, run_facts(cohort.out))
    finally:
        os.umask(before)
    open_to_others = [
        path for path in (cohort.out, *cohort.out.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


class Markup(HTMLParser):
    """Which elements and handlers a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.found.update(name for name, _ in attrs if name.startswith("on"))
        self.found.update(value or "" for name, value in attrs if name in ("href", "src"))


def markup(text: str) -> set[str]:
    page = Markup()
    page.feed(text)
    return page.found


class WithHostileWords(Measure):
    """Fails with the image's own words."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        raise RuntimeError(f"{record.participant_id} {record.image_id}")


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_ids_and_errors_become_no_markup_and_no_path(word: str, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = Cohort(tmp_path / "plain", {"ab": "value 1"})
    run(plain.study(process=WithHostileWords()), plain.out, settings=in_process())
    write_cohort_page(plain.out, run_facts(plain.out))
    expected = markup((plain.out / "index.html").read_text(encoding="utf-8"))

    (tmp_path / "hostile").mkdir()
    cohort = Cohort(tmp_path / "hostile", {"ab": "value 1"})
    study = cohort.study(process=WithHostileWords())
    name = word.replace("/", "∕")
    record = ImageRecord(image_id=name, image=cohort.folder / "ab.txt", row=2, participant_id=word)
    people = study.participants.set_column(0, "image_id", [[name]]).set_column(1, "participant_id", [[word]])
    object.__setattr__(study, "records", [record])
    object.__setattr__(study, "participants", people)
    before = set(tmp_path.rglob("*"))
    run(study, cohort.out, settings=in_process())
    write_cohort_page(cohort.out, run_facts(cohort.out))
    page = (cohort.out / "index.html").read_text(encoding="utf-8")
    links = {found for found in markup(page) - expected if not found.startswith("pages/subject.html#")}
    assert links == set()
    assert not [path for path in set(tmp_path.rglob("*")) - before if cohort.out not in (path, *path.parents)]


def test_a_run_asks_nothing_of_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments[1:])
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    cohort = Cohort(tmp_path, {**values(4), "90-bad": "bad"})
    run(cohort.study(), cohort.out, settings=in_process())
    write_cohort_page(cohort.out, run_facts(cohort.out))
    assert asked == []


def test_pages_load_nothing_from_elsewhere(ran: Path) -> None:
    for path in files_of(ran):
        if path.suffix == ".html":
            text = path.read_text(encoding="utf-8")
            assert "Content-Security-Policy" in text
            assert "default-src 'none'" in text
            places = [found for found in markup(text) if ":" in found or found.startswith("//")]
            assert places == [], path


def test_a_local_cluster_listens_to_this_machine_alone() -> None:
    """Scheduler, workers, their nannies and the dashboard: whoever reaches one of them runs code as the user."""
    with connect(ClusterSettings(workers=1)) as client:
        here = psutil.Process()
        listening = [
            place.laddr
            for process in (here, *here.children(recursive=True))
            for place in process.net_connections(kind="inet")
            if place.status == psutil.CONN_LISTEN
        ]
        assert len(listening) >= 4
        assert {address.ip for address in listening} == {"127.0.0.1"}
        assert "127.0.0.1" in client.dashboard_link
