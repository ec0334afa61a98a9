"""Images elsewhere: on a web server or in an object store, read through fsspec, which is optional.

Credentials are those of the environment, as each store's own tools take them. Nothing of them, and nothing that a
server answers but its status, is repeated in a message.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import Any

from retquant.errors import ImageError
from retquant.manifest.addresses import Address

NO_SUCH_FILE = "there is no such file"
CLOUD = 'pip install "retquant[cloud]"'
MAX_BYTES = 1 << 30
TRIES, PAUSE_S = 3, 0.5  # a server may be busy; the pause doubles
CONNECT_S, SILENT_S = 10.0, 60.0  # until a web server answers, and between its bytes
_BLOCK = 1 << 20
_KEPT_FILES, _KEPT_BYTES = 8, 1 << 26  # an image is hashed, and then read
_MARKS = ("ETag", "etag", "md5Hash", "crc32c", "LastModified", "Last-Modified", "updated", "mtime")

_lock = threading.Lock()
_last: OrderedDict[str, bytes] = OrderedDict()


def read_address(address: Address) -> bytes:
    """All bytes of a file elsewhere.

    Raises
    ------
    ImageError
        There is no such file, it is larger than `MAX_BYTES`, the store refuses or does not answer, or what reads it is
        not installed.
    """
    place = str(address)
    with _lock:
        if place in _last:
            _last.move_to_end(place)
            return _last[place]
    data: bytes = _tried(address, lambda store: _bytes_of(store, address))
    with _lock:
        _last[place] = data
        while len(_last) > _KEPT_FILES or sum(map(len, _last.values())) > _KEPT_BYTES:
            _last.popitem(last=False)
    return data


def state_of(address: Address) -> tuple[int, int] | None:
    """(bytes, a number that changes with the file) without reading it; None where the store tells neither.

    What was read before is forgotten, so that what is read next is the file of this state or a later one.

    Raises
    ------
    ImageError
        As `read_address`.
    """
    facts = _tried(address, lambda store: store.info(str(address)))
    with _lock:
        _last.pop(str(address), None)
    mark = next((str(facts[name]) for name in _MARKS if facts.get(name) is not None), None)
    if mark is None or facts.get("size") is None:
        return None
    return int(facts["size"]), int(hashlib.sha256(mark.encode()).hexdigest()[:15], 16)


def _bytes_of(store: Any, address: Address) -> bytes:
    if address.scheme in ("http", "https"):  # the size that a server tells need not be true
        parts, size = [], 0
        with store.open(str(address), "rb", block_size=0, size=1) as stream:  # or it asks for the size first
            while part := stream.read(_BLOCK):
                parts.append(part)
                size += len(part)
                if size > MAX_BYTES:
                    raise _too_large(address)
        return b"".join(parts)
    if store.info(str(address))["size"] > MAX_BYTES:
        raise _too_large(address)
    return store.cat_file(str(address))


def _too_large(address: Address) -> ImageError:
    return ImageError(
        f"the file has more than the limit of {MAX_BYTES:,} bytes", where=str(address), remedy="leave it out"
    )


def _tried(address: Address, ask: Any) -> Any:
    """What `ask` gives of the store, asked again where it was busy or the line broke."""
    where = str(address)
    store = _store(address)
    for attempt in range(1, TRIES + 1):
        try:
            return ask(store)
        except ImageError:
            raise
        except Exception as error:  # each store's library has its own
            cause = (
                error.__cause__ if isinstance(error, FileNotFoundError) else None
            )  # fsspec's word for any failure
            error = cause if isinstance(cause, Exception) else error
            status = getattr(error, "status", None)
            if isinstance(error, FileNotFoundError) or status == 404:
                raise ImageError(NO_SUCH_FILE, where=where, remedy="mend the address") from None
            if isinstance(error, PermissionError) or status in (401, 403):
                raise ImageError(
                    "the store refuses to give this file",
                    where=where,
                    remedy="check the credentials in the environment of every worker",
                ) from None
            if attempt == TRIES or (isinstance(status, int) and 400 <= status < 500 and status != 429):
                said = f"status {status}" if isinstance(status, int) else type(error).__name__
                raise ImageError(
                    f"the store does not give this file ({said})",
                    where=where,
                    remedy="check the address and the network, and run again with --retry-failed",
                ) from None
        time.sleep(PAUSE_S * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


def _store(address: Address) -> Any:
    try:
        import fsspec

        if address.scheme not in ("http", "https"):
            return fsspec.filesystem(address.scheme, use_listings_cache=False)
        import aiohttp

        patience = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENT_S)
        return fsspec.filesystem(address.scheme, client_kwargs={"timeout": patience, "trust_env": True})
    except ImportError:
        raise ImageError(
            f"reading {address.scheme}:// addresses needs a package that is not installed",
            where=str(address),
            remedy=CLOUD,
        ) from None
    except Exception as error:  # credentials that cannot be made sense of
        raise ImageError(
            f"the store cannot be reached ({type(error).__name__})",
            where=str(address),
            remedy="check the credentials in the environment of every worker",
        ) from None
