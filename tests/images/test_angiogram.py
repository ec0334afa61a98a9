"""From the files of an angiogram to its slabs: one file each, or all of them in one, whatever the format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from retquant.anatomy.scale import resolve_scale
from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import RetinalImage, read_record
from retquant.manifest.records import ImageRecord

SETTINGS = ImageSettings()
NAMES = ("full", "ilm_opl", "opl_bm")


def flow(seed: int = 0, side: int = 160) -> np.ndarray:
    """(S, S) uint8, bright lines on dark, of no meaning."""
    rng = np.random.default_rng(seed)
    grey = rng.normal(60, 15, (side, side))
    grey[:: 9 + seed] += 120
    grey[:, :: 13 + seed] += 100
    return np.clip(grey, 0, 255).astype(np.uint8)


def stack() -> np.ndarray:
    return np.stack([flow(seed) for seed in range(3)])


def record(path: Path, **told: object) -> ImageRecord:
    return ImageRecord(image_id="a", image=path, row=2, modality="octa", **told)  # type: ignore[arg-type]


def read(path: Path, **told: object) -> RetinalImage:
    return read_record(record(path, **told), settings=SETTINGS)


def save(plane: np.ndarray, path: Path, **how: object) -> Path:
    Image.fromarray(plane).save(path, **how)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "jpg"])
def test_a_picture_of_any_kind_is_one_slab(tmp_path: Path, ending: str) -> None:
    image = read(save(flow(), tmp_path / f"a.{ending}"))
    assert image.slabs is not None
    assert image.slabs.shape == (1, 160, 160)
    off = 12 if ending == "jpg" else 0  # grey levels that compression costs
    assert np.abs(image.slabs[0].astype(int) - flow()).mean() <= off
    assert (image.pixels == image.slabs[0][..., None]).all()
    assert (image.modality, image.slab_names, image.um_per_px) == ("octa", (), None)


def test_the_field_is_the_whole_frame_whatever_a_mask_leaves_out(tmp_path: Path) -> None:
    mask = np.zeros((160, 160), np.uint8)
    mask[:, :80] = 255
    image = read(save(flow(), tmp_path / "a.png"), masks={"fov": save(mask, tmp_path / "fov.png")})
    assert image.fov.mean() == 0.5
    assert image.field.diameter_px == 160  # fov_mm is the scan's side, not the mask's


def test_sixteen_bits_become_eight_by_the_range_that_holds_them(tmp_path: Path) -> None:
    deep = flow().astype(np.uint16) * 16  # 12 bits
    image = read(save(deep, tmp_path / "a.png"))
    assert image.bit_depth == 12
    assert image.slabs is not None
    assert np.abs(image.slabs[0].astype(float) - flow()).max() <= 1


def test_slabs_of_one_file_each_come_in_order_with_their_names(tmp_path: Path) -> None:
    paths = [save(plane, tmp_path / f"{n}.png") for n, plane in enumerate(stack())]
    image = read(paths[0], slabs=tuple(paths[1:]), slab_names=NAMES)
    assert image.slabs is not None
    assert (image.slabs == stack()).all()
    assert image.slab_names == NAMES
    second = image.slab("ilm_opl")
    assert second is not None
    assert (second == stack()[1]).all()
    assert image.slab("svc") is None


def keep(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=array.dtype == object)


def writes_pages(path: Path) -> None:
    tifffile.imwrite(path, stack(), photometric="minisblack")


def writes_deflated_pages(path: Path) -> None:
    tifffile.imwrite(path, stack(), photometric="minisblack", compression="zlib")


def writes_lzw_pages(path: Path) -> None:
    first, *rest = (Image.fromarray(plane) for plane in stack())
    first.save(path, "TIFF", compression="tiff_lzw", save_all=True, append_images=rest)


def writes_planar(path: Path) -> None:
    tifffile.imwrite(path, stack(), photometric="rgb", planarconfig="separate")


def writes_thumbnail_after_pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for plane in stack():
            file.write(plane, photometric="minisblack")
        file.write(stack()[0, ::4, ::4], photometric="minisblack", subfiletype=1)


def writes_array(path: Path) -> None:
    keep(path, stack())


def writes_array_with_slabs_last(path: Path) -> None:
    keep(path, np.moveaxis(stack(), 0, 2))


def writes_shares(path: Path) -> None:
    keep(path, stack() / 255.0)


def writes_float_pages(path: Path) -> None:
    tifffile.imwrite(path, stack() / 255.0, photometric="minisblack")


def writes_channels(path: Path) -> None:
    Image.fromarray(np.moveaxis(stack(), 0, 2)).save(path, "PNG")


@pytest.mark.parametrize(
    "write",
    [
        *(writes_pages, writes_deflated_pages, writes_lzw_pages, writes_planar, writes_thumbnail_after_pages),
        *(writes_array, writes_array_with_slabs_last, writes_shares, writes_float_pages, writes_channels),
    ],
)
def test_a_stack_in_one_file_gives_the_same_slabs(tmp_path: Path, write: object) -> None:
    path = tmp_path / "stack"
    write(path)  # type: ignore[operator]
    image = read(path, slab_names=NAMES)
    assert image.slabs is not None
    assert (image.slabs == stack()).all()
    assert image.slab_names == NAMES


def test_slabs_of_a_deep_stack_keep_how_bright_they_are_to_each_other(tmp_path: Path) -> None:
    deep = stack().astype(np.uint16) * 16
    deep[1] //= 8  # by itself it would be read as 10 bits
    np.save(tmp_path / "a.npy", deep)
    for number, plane in enumerate(deep):
        save(plane, tmp_path / f"{number}.png")
    together = read(tmp_path / "a.npy").slabs
    apart = read(tmp_path / "0.png", slabs=(tmp_path / "1.png", tmp_path / "2.png")).slabs
    assert together is not None
    assert apart is not None
    assert np.abs(together.astype(int) - apart).max() <= 1
    assert np.median(together[1]) == pytest.approx(np.median(stack()[1]) / 8, abs=1)


def test_a_coloured_angiogram_is_read_by_its_brightness_and_says_so(tmp_path: Path) -> None:
    tinted = (flow()[..., None] * np.array([1.0, 0.6, 0.2])).astype(np.uint8)
    image = read(save(tinted, tmp_path / "a.png"))
    assert any("in colour" in remark for remark in image.remarks)
    assert (np.ptp(image.pixels, axis=2) == 0).all()


@pytest.mark.parametrize("size", [(120, 160), (160, 161)])
def test_slabs_of_unlike_size_are_told_apart_and_never_resampled(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    first = save(flow(), tmp_path / "a.png")
    second = save(np.resize(flow(1), size) if size[0] > 128 else flow(1, 130), tmp_path / "b.png")
    with pytest.raises(ImageError, match=r"slab 2 is \d+ × \d+ pixels, slab 1 160 × 160") as caught:
        read(first, slabs=(second,))
    assert caught.value.where == str(second)


def pages_of_unlike_size(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(flow(0, 160), photometric="minisblack")
        file.write(flow(0, 140), photometric="minisblack")


def pages_of_a_volume(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((40, 130, 130), np.uint8), photometric="minisblack")


def torn_tiff(path: Path) -> None:
    writes_pages(path)
    path.write_bytes(path.read_bytes()[:20_000])


def torn_array(path: Path) -> None:
    writes_array(path)
    path.write_bytes(path.read_bytes()[:20_000])


def blank_second_slab(path: Path) -> None:
    blank = stack()
    blank[1] = 0
    keep(path, blank)


BAD: dict[str, tuple[object, str]] = {
    "pages of unlike size": (pages_of_unlike_size, "pages are of unlike size"),
    "a volume as a TIFF": (pages_of_a_volume, "more than 12 pages, a volume, and holds no lines"),
    "a volume as an array": (
        lambda path: keep(path, np.zeros((40, 130, 140), np.uint8)),
        "40 × 130 × 140, a volume, and holds no lines",
    ),
    "an array of four axes": (
        lambda path: keep(path, np.zeros((2, 2, 130, 140), np.uint8)),
        "no stack of slabs",
    ),
    "an array of objects": (
        lambda path: keep(path, np.array([[None]], dtype=object)),
        "holds object, not grey levels",
    ),
    "an array of truths": (
        lambda path: keep(path, flow() > 90),
        "holds bool, not grey levels",
    ),
    "too small an array": (
        lambda path: keep(path, np.zeros((3, 64, 64), np.uint8)),
        "64 × 64 pixels are too few",
    ),
    "a torn TIFF": (torn_tiff, "damaged"),
    "a torn array": (torn_array, "damaged"),
    "a blank slab": (blank_second_slab, "slab 2 is all black"),
    "nonsense": (lambda path: path.write_bytes(b"\x93NUMPY nothing"), "damaged"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_stack_gets_one_clear_sentence(tmp_path: Path, fault: str) -> None:
    write, sentence = BAD[fault]
    path = tmp_path / "a.npy"
    write(path)  # type: ignore[operator]
    with pytest.raises(ImageError, match=sentence) as caught:
        read(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy
    assert "\n" not in caught.value.problem


def test_as_many_slabs_as_names(tmp_path: Path) -> None:
    writes_array(tmp_path / "a.npy")
    with pytest.raises(ImageError, match=r"2 slabs are named \(svc, dvc\), and the image has 3"):
        read(tmp_path / "a.npy", slab_names=("svc", "dvc"))
    with pytest.raises(ImageError, match="slab 2 is a file of 3 planes"):
        read(save(flow(), tmp_path / "b.png"), slabs=(tmp_path / "a.npy",))


def test_the_side_of_a_scan_tells_no_pitch_of_a_frame_that_is_not_square(tmp_path: Path) -> None:
    path = save(flow()[:140], tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"160 × 140 pixels, and fov_mm \(3\)"):
        read(path, fov_mm=3.0)
    assert read(path, fov_mm=3.0, um_per_px=10.0).shape == (140, 160)
    assert read(path).shape == (140, 160)


def test_a_pitch_is_the_field_over_the_samples_and_follows_the_eyes_length(tmp_path: Path) -> None:
    path = save(flow(side=304), tmp_path / "a.png")
    plain = record(path, fov_mm=3.0)
    field = read_record(plain, settings=SETTINGS).field
    assert resolve_scale(plain, field=field).um_per_px == pytest.approx(3000 / 304)
    long = record(path, fov_mm=3.0, axial_length_mm=26.0, device="RTVue AngioVue")
    corrected = resolve_scale(long, field=field)
    assert corrected.um_per_px == pytest.approx(3000 / 304 * (26 - 1.82) / (23.95 - 1.82))
    assert corrected.magnification_source == "axial_length_mm"
    unknown = resolve_scale(record(path), field=field)
    assert (unknown.um_per_px, unknown.source) == (None, "unknown")


def test_a_files_own_scale_counts_where_a_program_meant_it(tmp_path: Path) -> None:
    side, um = 160, 20.0
    path = tmp_path / "meant.tif"
    tifffile.imwrite(
        path, flow(side=side), imagej=True, resolution=(1 / um, 1 / um), metadata={"unit": "micron"}
    )
    image = read(path)
    assert image.um_per_px == pytest.approx(um)
    found = resolve_scale(record(path), field=image.field, file_um_per_px=image.um_per_px)
    assert (found.source, found.is_nominal) == ("file", True)
    assert found.um_per_px == pytest.approx(um)
    told = record(path, fov_mm=3.0)
    assert resolve_scale(told, field=image.field, file_um_per_px=um).source == "fov_mm"
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        flow(side=side),
        metadata={
            "PhysicalSizeX": um,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": um,
            "PhysicalSizeYUnit": "µm",
        },
    )
    assert read(tmp_path / "a.ome.tif").um_per_px == pytest.approx(um)


@pytest.mark.parametrize(
    "how",
    [
        {"resolution": (300, 300), "resolutionunit": "INCH"},  # a wish of whoever prints it
        {"resolution": (500, 500), "resolutionunit": "CENTIMETER"},  # 20 um, if it were meant
        {"imagej": True, "resolution": (0.05, 0.05)},  # of what?
        {"imagej": True, "resolution": (0.05, 0.025), "metadata": {"unit": "micron"}},  # no one figure
        {"imagej": True, "resolution": (5.0, 5.0), "metadata": {"unit": "micron"}},  # a field of 32 um
    ],
)
def test_a_files_resolution_is_no_scale_unless_it_makes_sense(tmp_path: Path, how: dict[str, object]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", flow(), **how)
    assert read(tmp_path / "a.tif").um_per_px is None
