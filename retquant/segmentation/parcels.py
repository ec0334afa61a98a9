"""Drawings as compact bytes: what travels between workers and what a run keeps of each image are the same.

An Arrow file of a row a map, its pixels as they are (8 bits, row by row) under zstd: exact, readable from Python, R
and others, nothing in it is ever executed, and maps that are zero outside the field cost nothing there.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from retquant.errors import RetquantError
from retquant.images import RetinalImage
from retquant.segmentation.drawings import Drawings, View
from retquant.segmentation.segmentation import Segmentation, TargetMask

_LEVEL = 1  # of zstd: level 3 takes up to twice the time and saves 4 %

_SCHEMA = pa.schema(
    [
        pa.field("slab", pa.string()),
        pa.field("mirror", pa.int8()),  # axis along which the image was shown mirrored
        pa.field("target", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("probability", pa.binary(), nullable=False),  # height x width bytes, 255 times it
        pa.field("crc32", pa.uint32(), nullable=False),  # of all of these: Arrow has no check sum
    ]
)


class ParcelError(RetquantError, ValueError):
    """Bytes that hold no drawings."""


def pack(drawings: Drawings, *, key: str = "") -> bytes:
    """Drawings as bytes, with the key of what they were drawn of."""
    maps = [(view, *pair) for view, seen in drawings.items() for pair in seen.targets.items()]
    schema = _SCHEMA.with_metadata({"key": key, "maps": str(len(maps))})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=_LEVEL))
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        for each in maps:  # a batch a map: none is copied to lie beside the others
            writer.write_batch(pa.RecordBatch.from_pylist([_row(*each)], schema=schema))
    return bytes(sink.getvalue())


def _row(view: View, name: str, target: TargetMask) -> dict[str, Any]:
    height, width = target.probability.shape
    head = {
        "slab": view.slab,
        "mirror": view.mirror,
        "target": name,
        "source": target.source,
        "height": height,
        "width": width,
    }
    pixels = np.ascontiguousarray(target.probability)
    return {**head, "probability": pixels.tobytes(), "crc32": _check_sum(head, pixels)}


def _check_sum(head: Mapping[str, Any], pixels: np.ndarray) -> int:
    return zlib.crc32(pixels.data, zlib.crc32(repr(sorted(head.items())).encode()))


def unpack(content: bytes) -> tuple[Drawings, str]:
    """Drawings and their key, from bytes.

    Raises
    ------
    ParcelError
        The bytes are cut short or are something else.
    """
    try:
        reader = pa.ipc.open_file(pa.BufferReader(content))
        facts = reader.schema.metadata
        key = facts[b"key"].decode()
        if reader.num_record_batches != int(facts[b"maps"]):
            raise ParcelError("some are missing")
        found: dict[View, dict[str, TargetMask]] = {}
        for view, name, target in _targets(reader):
            found.setdefault(view, {})[name] = target
    except (pa.ArrowException, RetquantError, KeyError, ValueError, TypeError, OSError) as error:
        raise ParcelError(f"these are no maps ({str(error).partition(chr(10))[0]})") from None
    return {view: Segmentation(targets=MappingProxyType(seen)) for view, seen in found.items()}, key


def key_of(path: Path) -> str:
    """The key in a file of drawings, without reading these; "" where there is none.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    try:
        with pa.OSFile(str(path)) as file:
            return (pa.ipc.open_file(file).schema.metadata or {}).get(b"key", b"").decode()
    except pa.ArrowException:
        return ""


def _targets(reader: pa.ipc.RecordBatchFileReader) -> Iterator[tuple[View, str, TargetMask]]:
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        batch.validate(full=True)
        (head,) = batch.drop_columns(["probability"]).to_pylist()
        wanted = head.pop("crc32")
        pixels = np.frombuffer(batch["probability"][0].as_buffer(), np.uint8)
        # a copy, since kernels are compiled for arrays that can be written to
        map_ = pixels.reshape(head["height"], head["width"]).copy()
        if _check_sum(head, map_) != wanted:
            raise ParcelError(f"the map of {head['target']} is damaged")
        view = View(slab=head["slab"], mirror=head["mirror"])
        yield view, head["target"], TargetMask(probability=map_, source=head["source"])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PackedImage:
    """An image on its way to the worker that draws it: of what a model looks at, the field as packed bits."""

    image: RetinalImage  # without its field of view
    fov: np.ndarray  # packed bits of (H, W)
    views: tuple[View, ...]
    key: str  # to be written on the maps

    @classmethod
    def of(cls, image: RetinalImage, views: tuple[View, ...], *, key: str) -> PackedImage:
        """Pack an image for the views that are wanted of it."""
        needs_slabs = any(view.slab is not None for view in views)
        bare = replace(
            image,
            fov=np.zeros((0, 0), bool),
            slabs=image.slabs if needs_slabs else None,
            slab_names=image.slab_names if needs_slabs else (),
        )
        return cls(image=bare, fov=np.packbits(image.fov), views=views, key=key)

    @property
    def nbytes(self) -> int:
        """Bytes that travel."""
        slabs = self.image.slabs
        return int(self.image.pixels.nbytes + self.fov.nbytes + (0 if slabs is None else slabs.nbytes))

    def unpacked(self) -> RetinalImage:
        """The image as it was."""
        height, width = self.image.shape
        bits = np.unpackbits(self.fov, count=height * width)
        return replace(self.image, fov=bits.reshape(height, width).astype(bool))
