"""Kinds of mutants whose place is at fault: names, links, pipes, folders, archives, DICOM files, arrays and masks."""

from __future__ import annotations

import io
import os
import struct
import sys
from pathlib import Path

import numpy as np
import tifffile
from mutants import DAMAGED, LIMIT, NO_PICTURE, SOUND, Mutant, Workbench, coded, either, kind
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))

from dicom_files import EN_FACE, as_jpeg, as_jpeg_2000, dicom, flow, written
from test_archive import pack

Made = tuple[str, str]
NO_FILE = "no such file"
NO_REGULAR_FILE = "folder or device"


# ---- places


@kind
def missing(at: Workbench) -> Made:
    return f"gone{at.number:04d}.png", NO_FILE


@kind
def empty(at: Workbench) -> Made:
    return at.write(b"", at.pick((".png", ".jpg", ".dcm"))), "0 bytes"


@kind
def folder(at: Workbench) -> Made:
    cell = f"folder{at.number:04d}.png"
    (at.folder / cell).mkdir()
    return cell, NO_REGULAR_FILE


@kind
def pipe(at: Workbench) -> Made:
    cell = f"pipe{at.number:04d}.jpg"
    os.mkfifo(at.folder / cell)
    return cell, NO_REGULAR_FILE


@kind
def link_to_a_pipe(at: Workbench) -> Made:
    cell = f"pipelink{at.number:04d}.jpg"
    os.mkfifo(at.folder / f"pipe-{at.number:04d}")
    (at.folder / cell).symlink_to(f"pipe-{at.number:04d}")
    return cell, NO_REGULAR_FILE


@kind
def device(at: Workbench) -> Made:
    return at.pick(
        ("/dev/zero", "/dev/urandom", "/dev/full", "/dev/null", "/dev/tty")
    ), f"{NO_REGULAR_FILE}|{NO_FILE}"


@kind
def link_within(at: Workbench) -> Made:
    cell = f"link{at.number:04d}.png"
    (at.folder / cell).symlink_to(at.write(coded(at.picture, "PNG"), ".png", "linked"))
    return cell, SOUND


@kind
def link_in_a_circle(at: Workbench) -> Made:
    cell, other = f"circle{at.number:04d}.png", f"circle{at.number:04d}-b.png"
    (at.folder / cell).symlink_to(other)
    (at.folder / other).symlink_to(cell)
    return cell, f"{NO_FILE}|cannot be read"


@kind
def link_to_nowhere(at: Workbench) -> Made:
    cell = f"dangling{at.number:04d}.png"
    (at.folder / cell).symlink_to(f"nothing-{at.number}.png")
    return cell, NO_FILE


@kind
def link_out(at: Workbench) -> Mutant:
    cell = f"out{at.number:04d}.png"
    target, words = at.outside / f"out{at.number:04d}.png", SOUND
    if at.variant % 2:
        target, words = Path("/etc/passwd"), "no picture"
    else:
        target.write_bytes(coded(at.picture, "PNG"))
    (at.folder / cell).symlink_to(target)
    return Mutant(kind="link_out", cell=cell, outcome=words, refused="leaves the manifest's folder")


@kind
def link_of_a_folder_out(at: Workbench) -> Mutant:
    (at.outside / f"d{at.number:04d}").mkdir()
    (at.outside / f"d{at.number:04d}" / "eye.png").write_bytes(coded(at.picture, "PNG"))
    (at.folder / f"d{at.number:04d}").symlink_to(at.outside / f"d{at.number:04d}")
    return Mutant(
        kind="link_of_a_folder_out",
        cell=f"d{at.number:04d}/eye.png",
        outcome=SOUND,
        refused="leaves the manifest's folder",
    )


@kind
def path_out(at: Workbench) -> Mutant:
    name = f"up{at.number:04d}.png"
    (at.outside / name).write_bytes(coded(at.picture, "PNG"))
    cell, words = at.pick(
        (
            (f"../outside/{name}", SOUND),
            (f"..\\outside\\{name}", SOUND),
            (f"./a/../../outside/{name}", SOUND),
            (f"../../../../../../../../../../etc/passwd{at.number}", NO_FILE),
        )
    )
    return Mutant(kind="path_out", cell=cell, outcome=words, refused="leaves the manifest's folder")


@kind
def vast_and_hollow(at: Workbench) -> Made:
    """A file of many gigabytes that takes no room on the disk."""
    cell = f"vast{at.number:04d}.tif"
    with open(at.folder / cell, "wb") as file:
        file.write(coded(at.picture, "TIFF"))
        file.truncate(at.pick((1 << 40, 3 << 30, (1 << 30) + 1)))
    return cell, LIMIT


# ---- names


NAMES = (
    "emoji😀👁️‍🗨️{}.png",
    "arabic-عين{}.png",
    "right-to-left\u202egnp{}.jpg",
    "zero\u200bwidth{}.png",
    "accent-é{}.png",
    "accent-e\u0301{}.png",
    "=cmd|'C calc'!A0{}.png",
    "@SUM(1+1){}.png",
    "+1{}.png",
    "-rf{}.png",
    "<script>alert({})<｜script>.png",
    "\"quoted'{}.png",
    "a,b;c{}.png",
    "$(touch x){}.png",
    "`touch x`{}.png",
    "%2e%2e%2f{}.png",
    "~root{}.png",
    "CON{}.png",
    "trailing. .{}.png",
    "..{}.png",
    "...hidden{}.png",
    "{}.PNG",
    "nul%00{}.png",
    "{{}}{}.png",
    "a b  c{}.png",
    "#fragment?q={}.png",
    "NA{}.png",
    "{}",
    "semi:colon::{}.png",
    "'{}.png",
    "&amp;{}.png",
    "\\x41{}.png",
)


@kind
def awkward_name(at: Workbench) -> Made:
    return _named(at, at.pick(NAMES).replace("{}", str(at.number)))


@kind
def awkward_name_too(at: Workbench) -> Made:
    return _named(at, NAMES[-1 - at.variant % len(NAMES)].replace("{}", str(at.number)))


def _named(at: Workbench, name: str) -> Made:
    (at.folder / name).write_bytes(coded(at.picture, "PNG"))
    # relative paths may be written with backslashes, so that one in a name is none of the name
    return name, NO_FILE if "\\" in name else SOUND


@kind
def longest_name(at: Workbench) -> Made:
    letter = at.pick(("x", "é", "眼", "👁"))
    stem = f"{at.number}-" + letter * ((251 - len(f"{at.number}-")) // len(letter.encode()))
    return _named(at, stem + "y" * (251 - len(stem.encode())) + ".png")


@kind
def name_too_long(at: Workbench) -> Made:
    cell = at.pick(("x" * 300, "d/" * 2100 + "x", "é" * 200)) + f"{at.number}.png"
    return cell, f"{NO_FILE}|cannot be read|too long"


@kind
def name_on_two_lines(at: Workbench) -> Mutant:
    name = at.pick(("line\nbreak{}.png", "tab\t{}.png", "bell\a{}.png", "return\r{}.png")).replace(
        "{}", str(at.number)
    )
    (at.folder / name).write_bytes(coded(at.picture, "PNG"))
    return Mutant(kind="name_on_two_lines", cell=name, outcome=SOUND, refused="control character")


@kind
def name_that_is_no_text(at: Workbench) -> Mutant:
    name = os.fsdecode(at.pick((b"latin-\xe9", b"\xff\xfe", b"half-\xf0\x9f"))) + f"{at.number}.png"
    sound = at.variant % 2 == 0
    (at.folder / name).write_bytes(coded(at.picture, "PNG") if sound else b"nothing")
    return Mutant(
        kind="name_that_is_no_text", cell=name, outcome=SOUND if sound else "no picture", refused="no text"
    )


# ---- archives


@kind
def in_an_archive(at: Workbench) -> Made:
    ending = at.pick((".zip", ".tar", ".tar.gz", ".tgz"))
    name = at.pick(("eye.png", "left/1.png", "é/😀.png", "./eye.png"))
    path = pack(
        at.folder / f"pack{at.number:04d}{ending}", {name: coded(at.picture, "PNG"), "other.png": b""}
    )
    return f"{path.name}::{name}", SOUND


@kind
def missing_in_an_archive(at: Workbench) -> Made:
    path = pack(at.folder / f"lack{at.number:04d}{at.pick(('.zip', '.tar', '.tgz'))}", {"left/1.png": b"x"})
    return f"{path.name}::{at.pick(('right/1.png', 'left/2.png', 'left'))}", "the archive has no"


@kind
def bad_archive(at: Workbench) -> Made:
    ending = at.pick((".zip", ".tar.gz", ".tar"))
    path = pack(at.folder / f"bad{at.number:04d}{ending}", {"eye.png": coded(at.picture, "PNG")})
    data = bytearray(path.read_bytes())
    what = at.variant % 4
    if what == 0:
        data = data[: len(data) // 3]
    elif what == 1:
        data[len(data) // 3] ^= 0x10
    elif what == 2:
        data = bytearray(at.random.bytes(3000))
    else:
        data = bytearray()
    path.write_bytes(bytes(data))
    return f"{path.name}::eye.png", f"no zip archive|no tar archive|cut short|{DAMAGED}"


@kind
def out_of_an_archive(at: Workbench) -> Mutant:
    name = at.pick(("../eye.png", "/etc/passwd", "a/../../eye.png", "C:\\eye.png"))
    path = pack(
        at.folder / f"leave{at.number:04d}{at.pick(('.zip', '.tar'))}", {name: coded(at.picture, "PNG")}
    )
    return Mutant(
        kind="out_of_an_archive",
        cell=f"{path.name}::{name}",
        outcome="leaves the archive",
        refused="leaves the archive",
    )


@kind
def bomb_in_an_archive(at: Workbench) -> Made:
    path = pack(at.folder / f"bomb{at.number:04d}.zip", {"eye.png": bytes(1 << 22)})
    data = path.read_bytes()
    place = data.index(b"PK\x01\x02") + 24
    size = at.pick((1000, (1 << 31), (1 << 22)))
    path.write_bytes(data[:place] + struct.pack("<L", size) + data[place + 4 :])
    return f"{path.name}::eye.png", f"{LIMIT}|{DAMAGED}|{NO_PICTURE}"


@kind
def archive_in_an_archive(at: Workbench) -> Mutant:
    path = pack(at.folder / f"nest{at.number:04d}.zip", {"in.zip": b"PK\x03\x04"})
    cell = f"{path.name}::in.zip::eye.png"
    return Mutant(
        kind="archive_in_an_archive", cell=cell, outcome="within an archive", refused="within an archive"
    )


# ---- DICOM, arrays, masks


@kind
def dicom_file(at: Workbench) -> Made:
    grey = at.picture[..., 1].copy()
    make = at.pick(
        (
            lambda: dicom(at.picture, identity=True),
            lambda: as_jpeg(dicom(at.picture), at.picture),
            lambda: as_jpeg_2000(dicom(grey), grey),
            lambda: dicom(grey.astype(np.uint16) * 16),
        )
    )
    return at.write(written(make()), at.pick((".dcm", "", ".png"))), SOUND


@kind
def bent_dicom_file(at: Workbench) -> Made:
    data = bytearray(written(dicom(at.picture, identity=True)))
    what = at.variant % 4
    if what == 0:
        return at.write(
            bytes(data[: int(at.random.integers(140, len(data) // 2))]), ".dcm"
        ), f"{DAMAGED}|holds no picture|does not tell|cut short|fewer|shorter"
    if what == 1:
        huge = dicom(at.picture, identity=True, Rows=60_000, Columns=60_000)
        return at.write(written(huge), ".dcm"), LIMIT
    if what == 2:
        return at.write(
            bytes(128) + b"DICM" + at.random.bytes(4000), ".dcm"
        ), "damaged|holds no picture|does not tell"
    for place in at.random.integers(132, 1400, 4):
        data[place] = int(at.random.integers(256))
    return at.write(bytes(data), ".dcm"), either(".")


@kind
def angiogram(at: Workbench) -> Mutant:
    light = flow(200, seed=at.number)
    stream = io.BytesIO()
    what = at.variant % 4
    if what == 0:
        np.save(stream, np.stack([light, light]))
        cell = at.write(stream.getvalue(), ".npy")
    elif what == 1:
        cell = at.write(coded(light, "PNG"), ".png")
    elif what == 2:
        cell = at.write(written(dicom(light, kind=EN_FACE)), ".dcm")
    else:
        pages = Image.fromarray(light)
        pages.save(stream, "TIFF", save_all=True, append_images=[pages])
        cell = at.write(stream.getvalue(), ".tif")
    return Mutant(kind="angiogram", cell=cell, outcome=SOUND, modality="octa")


@kind
def array_that_lies(at: Workbench) -> Mutant:
    descr, shape, body, words = at.pick(
        [
            ("'|O'", "(2, 200, 200)", b"\x80\x04cposix\nsystem\n(S'true'\ntR.", "not grey levels"),
            ("'|u1'", "(2, 90000, 90000)", bytes(100), LIMIT),
            ("'|u1'", "(2, 200, 200)", bytes(100), DAMAGED),
            ("'|u1'", "(-2, 200, 200)", bytes(100), "damaged|no stack|limit|too few"),
            ("'<f8'", "(200,)", bytes(1600), "no stack"),
            ("'|u1'", "(200, 200, 200)", bytes(8_000_000), "a volume"),
            ("__import__('os')", "(200, 200)", b"", DAMAGED),
            ("'<U9'", "(200, 200)", bytes(9), "not grey levels"),
            ("'<f4'", "(200, 200)", b"\0\0\xc0\x7f" * 40_000, "black|even"),
            ("[('a', '<f4')]", "(200, 200)", bytes(160_000), "not grey levels"),
        ]
    )
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body
    return Mutant(kind="array_that_lies", cell=at.write(data, ".npy"), outcome=words, modality="octa")


@kind
def page_of_countless_planes(at: Workbench) -> Mutant:
    """A TIFF of 160 × 160 pixels with 60,000 samples each: 1.5 gigabytes that are not there."""
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, np.zeros((2, 160, 160), np.uint8), photometric="minisblack", planarconfig="separate"
    )
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        place = file.pages[0].tags["SamplesPerPixel"].valueoffset
    data[place : place + 2] = struct.pack("<H", at.pick((60_000, 13, 0)))
    words = "a volume" if at.variant % 3 < 2 else "damaged|black|a volume|array"
    return Mutant(
        kind="page_of_countless_planes", cell=at.write(bytes(data), ".tif"), outcome=words, modality="octa"
    )


@kind
def photograph_called_angiogram(at: Workbench) -> Mutant:
    cell = at.write(coded(at.picture, "PNG"), ".png")
    return Mutant(
        kind="photograph_called_angiogram",
        cell=cell,
        outcome="a photograph, not an angiogram",
        modality="octa",
    )


@kind
def volume_that_is_none(at: Workbench) -> Mutant:
    data = at.pick((b"nothing", b"HSF-OCT-103\0" + struct.pack("<III", 1 << 30, 1 << 30, 9), b""))
    return Mutant(
        kind="volume_that_is_none",
        cell=at.write(data, ".vol"),
        modality="octa",
        outcome=f"no HEYEX volume|{LIMIT}|0 bytes",
    )


@kind
def mask_at_fault(at: Workbench) -> Mutant:
    cell = at.write(coded(at.picture, "PNG"), ".png")
    mask, words = at.pick(
        [
            (coded(Image.new("L", (90, 90), 255), "PNG"), "90 × 90 pixels, its image 240 × 220"),
            (coded(Image.new("L", (240, 220), 255), "PNG")[:60], DAMAGED),
            (b"%PDF-1.4", "PDF"),
            (b"", "no picture|0 bytes"),
            (coded(Image.new("1", (40_000, 40_000)), "PNG"), "40000 × 40000 pixels, its image"),
            (coded(at.picture, "PNG"), "colour picture"),
            (coded(Image.new("L", (240, 220)), "PNG"), "empty"),
        ]
    )
    return Mutant(kind="mask_at_fault", cell=cell, outcome=words, fov_mask=at.write(mask, ".png", "mask"))
