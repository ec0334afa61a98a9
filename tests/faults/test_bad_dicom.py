"""Whatever is wrong with a DICOM file, one clear sentence says so, and no bomb goes off."""

from __future__ import annotations

import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))

from dicom_files import (
    EN_FACE,
    PLANTED,
    SECONDARY_CAPTURE,
    as_jpeg,
    as_jpeg_2000,
    coded,
    compressed,
    dicom,
    flow,
    fundus,
    written,
)
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import read_image
from retquant.images.codestream import codestream_size
from retquant.images.decode import decode

FUNDUS = fundus()
GREY = FUNDUS[..., 1]


def jpeg_of_another_size() -> bytes:
    """Says 260 × 240 pixels in its header, and holds a JPEG of 3,000 × 2,000."""
    frame = coded(np.zeros((2000, 3000, 3), np.uint8), "JPEG")
    return written(compressed(dicom(FUNDUS), [frame], JPEGBaseline8Bit, "YBR_FULL_422"))


def jpeg_2000_that_claims(width: int, height: int) -> bytes:
    """Says 260 × 240 pixels in its header, and in its codestream something else."""
    file = as_jpeg_2000(dicom(GREY), GREY)
    data = written(file)
    place = data.index(b"\xff\x4f\xff\x51") + 8
    return data[:place] + struct.pack(">II", width, height) + data[place + 8 :]


def deflated_bomb() -> bytes:
    """A deflated file of 90 kB that inflates to 64 MB."""
    file = dicom(FUNDUS)
    file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = written(file)
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    return data[:start] + b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()


def run_lengths_of_another_length() -> bytes:
    """A run-length frame a hundred times as long as its picture."""
    return written(compressed(dicom(FUNDUS), [bytes(100 * FUNDUS.size)], RLELossless, "RGB"))


def cut_to(share: float, make: Callable[[], bytes]) -> Callable[[], bytes]:
    def cut() -> bytes:
        data = make()
        return data[: int(share * len(data))]

    return cut


def plain() -> bytes:
    return written(dicom(FUNDUS, identity=True))


def changed(**elements: object) -> Callable[[], bytes]:
    return lambda: written(dicom(FUNDUS, identity=True, **elements))


def without_pixels() -> bytes:
    file = dicom(FUNDUS, kind="1.2.840.10008.5.1.4.1.1.104.1", identity=True)
    del file.PixelData
    return written(file)


FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no picture but a document": (without_pixels, r"holds no picture \(Encapsulated PDF Storage\)"),
    "cut within its header": (cut_to(0.003, plain), "damaged|holds no picture"),
    "cut within its picture": (cut_to(0.6, plain), "damaged or cut short"),
    "a cut JPEG": (cut_to(0.5, lambda: written(as_jpeg(dicom(FUNDUS), FUNDUS))), "damaged or cut short"),
    "nothing after the prefix": (lambda: bytes(128) + b"DICM", "damaged|holds no picture"),
    "huge rows": (changed(Rows=65535, Columns=65535), r"65535 × 65535 is 4,294,836,225 pixels, more than"),
    "rows that its data do not fill": (changed(Rows=2000, Columns=2000), "damaged or cut short"),
    "no rows": (changed(Rows=0), "too few"),
    "no rows element": (changed(Rows=None), "does not tell Rows"),
    "rows that are no number": (changed(Rows=[1, 2]), "does not tell Rows"),
    "a million frames": (changed(NumberOfFrames=1_000_000), "1000000 frames"),
    "no frames": (changed(NumberOfFrames=0), "damaged|contradicts"),
    "minus one frame": (changed(NumberOfFrames=-1), "contradicts"),
    "samples of 32 bits": (changed(BitsAllocated=32, BitsStored=32, HighBit=31), "samples take 32 bits"),
    "more bits stored than there are": (changed(BitsStored=14, HighBit=13), "contradicts itself"),
    "an unknown way of colours": (
        changed(PhotometricInterpretation="HSV"),
        "colours are coded in an unknown",
    ),
    "three samples of grey": (changed(PhotometricInterpretation="MONOCHROME2"), "3 samples a pixel as MONO"),
    "a palette that is not there": (
        lambda: written(dicom(GREY, PhotometricInterpretation="PALETTE COLOR")),
        "damaged",
    ),
    "a JPEG larger than it says": (
        jpeg_of_another_size,
        "260 × 240 pixels, the picture within is 3000 × 2000",
    ),
    "a JPEG 2000 larger than it says": (
        lambda: jpeg_2000_that_claims(1 << 20, 1 << 20),
        "the picture within is 1048576 × 1048576",
    ),
    "a JPEG that is none": (
        lambda: written(compressed(dicom(FUNDUS), [b"Zyxwander" * 99], JPEGBaseline8Bit, "YBR_FULL_422")),
        "the picture within is of an unknown size",
    ),
    "a film": (
        lambda: written(compressed(dicom(FUNDUS), [bytes(999)], MPEG4HP41, "YBR_FULL_422")),
        "no reader of pictures knows|no decoder",
    ),
    "a deflated bomb": (deflated_bomb, "inflates to more than"),
    "a run-length frame too long": (run_lengths_of_another_length, "longer than its picture"),
    "random bytes after the prefix": (
        lambda: bytes(128) + b"DICM" + np.random.default_rng(0).bytes(5000),
        "damaged|holds no picture|does not tell",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_dicom_file_gets_one_clear_sentence(fault: str, tmp_path: Path) -> None:
    make, sentence = FAULTS[fault]
    path = tmp_path / "eye.dcm"
    path.write_bytes(make())
    with pytest.raises(ImageError, match=sentence) as caught:
        read_image(path, settings=ImageSettings(max_pixels=4_000_000))
    assert caught.value.where == str(path)
    assert caught.value.remedy
    assert "\n" not in caught.value.problem
    assert not [word for word in PLANTED if word in str(caught.value)]


@pytest.mark.parametrize("make", [deflated_bomb, jpeg_of_another_size, run_lengths_of_another_length])
def test_bombs_are_refused_before_they_take_memory(make: Callable[[], bytes]) -> None:
    data = make()
    tracemalloc.start()
    with pytest.raises(ImageError):
        decode(data, where="eye", settings=ImageSettings(max_pixels=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(data) + 40_000_000  # the file's own bytes, and what the settings allow a picture


def test_a_picture_named_dicom_is_read_as_what_it_is(tmp_path: Path) -> None:
    Image.fromarray(FUNDUS).save(tmp_path / "eye.dcm", "PNG")
    assert np.array_equal(read_image(tmp_path / "eye.dcm", settings=ImageSettings()).pixels, FUNDUS)


def test_the_size_in_a_codestream_is_its_pictures() -> None:
    for kind, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG2000", {}),
        ("JPEG2000", {"no_jp2": True}),
    ):
        assert codestream_size(coded(FUNDUS, kind, **options)) == (260, 240)
    for broken in (
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\x4f\xff\x51",
        b"\0" * 20,
        b"\xff\xd8" + b"\xff" * 50,
    ):
        assert codestream_size(broken) is None


@pytest.mark.filterwarnings("error")
def test_no_damage_to_a_dicom_file_raises_anything_but_an_image_error() -> None:
    wholes = [
        written(dicom(FUNDUS, identity=True)),
        written(as_jpeg(dicom(FUNDUS, identity=True), FUNDUS)),
        written(as_jpeg_2000(dicom(GREY, identity=True), GREY)),
        written(dicom(flow(160), kind=EN_FACE, identity=True, PixelSpacing=[0.01, 0.01])),
        written(
            dicom(GREY, kind=SECONDARY_CAPTURE, identity=True, PhotometricInterpretation="PALETTE COLOR")
        ),
    ]
    random = np.random.default_rng(4)
    read, told = 0, []
    for number in range(150):
        whole = wholes[number % len(wholes)]
        damaged = bytearray(whole)
        for place in random.integers(128, min(len(whole), 2500), size=5):
            damaged[place] = random.integers(256)
        end = random.integers(len(whole) // 2, len(whole) + 1) if number % 3 == 0 else len(whole)
        try:
            decode(bytes(damaged[:end]), where="eye", settings=ImageSettings(max_pixels=4_000_000))
            read += 1
        except ImageError as error:
            told.append(error)
    assert 0 < read < 150
    assert {error.where for error in told} == {"eye"}
    assert not [word for word in PLANTED for error in told if word in str(error)]
