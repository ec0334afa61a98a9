"""Images in an object store of this machine, which speaks as S3 does, with credentials from the environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_archive import photograph

from retquant.cohort.contents import ABSENT, ContentCache, read_content
from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import read_image, remote
from retquant.images.files import read_bytes
from retquant.manifest.addresses import Address

EYE = photograph()
pytestmark = pytest.mark.filterwarnings("default")  # the store's own packages warn of each other


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    s3fs = pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "QUILLEMINAKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "Zyxwandersecret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    s3fs.S3FileSystem.clear_instance_cache()
    remote._last.clear()
    found = s3fs.S3FileSystem(use_listings_cache=False)
    found.makedirs("eyes", exist_ok=True)  # the server keeps its buckets
    found.pipe("eyes/left/1.png", EYE)
    yield found
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_an_image_in_a_store_is_the_image_on_the_disk(store: Any, tmp_path: Path) -> None:
    (tmp_path / "eye.png").write_bytes(EYE)
    there = Address("s3://eyes/left/1.png")
    assert read_bytes(there) == EYE
    pictures = [read_image(path, settings=ImageSettings()).pixels for path in (there, tmp_path / "eye.png")]
    assert (pictures[0] == pictures[1]).all()
    assert read_content(there).sha256 == read_content(tmp_path / "eye.png").sha256


def test_what_the_store_does_not_give_is_told(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="no such file") as caught:
        read_bytes(Address("s3://eyes/left/2.png"))
    assert caught.value.where == "s3://eyes/left/2.png"
    assert not [word for word in ("QUILLEMINA", "Zyxwander") if word in str(caught.value)]
    monkeypatch.setattr(remote, "MAX_BYTES", 100)
    with pytest.raises(ImageError, match="more than the limit"):
        read_bytes(Address("s3://eyes/left/1.png"))


def test_a_changed_object_is_seen_and_an_unchanged_one_is_not_read(store: Any, tmp_path: Path) -> None:
    there = Address("s3://eyes/left/1.png")
    first = ContentCache(tmp_path)
    first.add([read_content(there)])
    known = first.sha256(there)
    assert ContentCache(tmp_path).sha256(there) == known
    store.pipe("eyes/left/1.png", EYE + b" ")
    assert ContentCache(tmp_path).sha256(there) not in (known, ABSENT)
    store.rm("eyes/left/1.png")
    assert ContentCache(tmp_path).sha256(there) == ABSENT
