"""Images on a web server: read as they are, told when they cannot be, asked about and not fetched on resume."""

from __future__ import annotations

import gzip
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

from test_archive import photograph

from retquant.cohort.contents import ABSENT, ContentCache, read_content
from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import read_image, remote
from retquant.images.files import read_bytes
from retquant.manifest.addresses import Address

EYE = photograph()


class Server:
    """A web server of this machine, with files that can be changed, and a count of what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/eyes/1.png": EYE, "/eyes/2.png": EYE + b" "}
        self.asked: Counter[str] = Counter()
        self.busy = 0  # requests that are yet to be refused for that
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(with_body=False)

            def do_GET(self) -> None:
                self.answer(with_body=True)

            def answer(self, *, with_body: bool) -> None:
                served.asked[f"{self.command} {self.path}"] += 1
                status = (
                    200
                    if self.path in served.files
                    else {"/secret.png": 403, "/broken.png": 500}.get(self.path, 404)
                )
                if self.path == "/endless.png":
                    return self.pour()
                if served.busy > 0:
                    served.busy -= 1
                    status = 503
                data = served.files.get(self.path, b"Zyxwander")
                self.send_response(status)
                if self.path == "/packed.png":
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("ETag", f'"{hash(data)}"')
                self.end_headers()
                if with_body:
                    self.wfile.write(data)
                return None

            def pour(self) -> None:
                self.send_response(200)
                self.end_headers()
                try:
                    while self.command == "GET":
                        self.wfile.write(bytes(1 << 16))
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.place = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def at(self, path: str) -> Address:
        return Address(self.place + path)

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    remote._last.clear()
    found = Server()
    yield found
    found.stop()


def test_an_image_on_a_server_is_the_image_on_the_disk(server: Server, tmp_path: Path) -> None:
    (tmp_path / "eye.png").write_bytes(EYE)
    here, there = (
        read_image(path, settings=ImageSettings())
        for path in (tmp_path / "eye.png", server.at("/eyes/1.png"))
    )
    assert (here.pixels == there.pixels).all()
    assert read_content(tmp_path / "eye.png").sha256 == read_content(server.at("/eyes/1.png")).sha256


def test_what_is_hashed_and_then_read_is_fetched_once(server: Server) -> None:
    read_content(server.at("/eyes/1.png"))
    assert read_bytes(server.at("/eyes/1.png")) == EYE
    assert server.asked["GET /eyes/1.png"] == 1


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/none.png", "no such file"),
        ("/secret.png", "refuses to give"),
        ("/broken.png", r"does not give this file \(status 500\)"),
    ],
)
def test_what_a_server_does_not_give_is_told_in_one_sentence(
    path: str, sentence: str, server: Server
) -> None:
    with pytest.raises(ImageError, match=sentence) as caught:
        read_image(server.at(path), settings=ImageSettings())
    assert caught.value.where == server.place + path
    assert caught.value.remedy
    assert "Zyxwander" not in str(caught.value)  # what the server answers may hold anything
    assert read_content(server.at(path)).sha256 == ABSENT


def test_a_busy_server_is_asked_again(server: Server) -> None:
    server.busy = 2
    assert read_bytes(server.at("/eyes/1.png")) == EYE
    server.busy = 3
    remote._last.clear()
    with pytest.raises(ImageError, match="status 503"):
        read_bytes(server.at("/eyes/1.png"))


def test_a_server_that_is_gone_is_told(server: Server) -> None:
    server.stop()
    with pytest.raises(ImageError, match="does not give this file") as caught:
        read_bytes(server.at("/eyes/1.png"))
    assert "--retry-failed" in caught.value.remedy


@pytest.mark.parametrize("path", ["/endless.png", "/packed.png"])
def test_no_server_can_fill_the_memory(path: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MAX_BYTES", 4_000_000)
    server.files["/packed.png"] = gzip.compress(bytes(30_000_000))
    with pytest.raises(ImageError, match="more than the limit of 4,000,000 bytes"):
        read_bytes(server.at(path))


def test_a_silent_server_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(remote, "SILENT_S", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(ImageError, match="does not give this file"):
        read_bytes(Address(f"http://127.0.0.1:{silent.getsockname()[1]}/eye.png"))


def test_on_resume_a_server_is_asked_and_nothing_fetched(server: Server, tmp_path: Path) -> None:
    paths = [server.at("/eyes/1.png"), server.at("/eyes/2.png")]
    first = ContentCache(tmp_path)
    first.add([read_content(path) for path in paths])
    known = [first.sha256(path) for path in paths]
    server.asked.clear()
    second = ContentCache(tmp_path)
    second.warm(paths)
    assert [second.sha256(path) for path in paths] == known
    assert not [asked for asked in server.asked if asked.startswith("GET")]
    assert server.asked["HEAD /eyes/1.png"] == 1
    server.files["/eyes/2.png"] = EYE + b"changed"
    third = ContentCache(tmp_path)
    assert third.sha256(paths[0]) == known[0]
    assert third.sha256(paths[1]) not in (known[1], ABSENT)
    del server.files["/eyes/2.png"]
    assert ContentCache(tmp_path).sha256(paths[1]) == ABSENT
    server.stop()
    assert ContentCache(tmp_path).sha256(paths[0]) == known[0]  # no answer is no change
    assert ContentCache(tmp_path / "new").sha256(paths[0]) == ABSENT


def test_a_package_that_is_missing_is_named_with_its_line(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(ImageError, match="http:// addresses needs a package") as caught:
        read_bytes(server.at("/eyes/1.png"))
    assert caught.value.remedy == 'pip install "retquant[cloud]"'
