"""DICOM photographs and angiograms: the same pixels as devices meant, whatever the coding, and what headers tell."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import (
    EN_FACE,
    PHOTOGRAPHY_8,
    PHOTOGRAPHY_16,
    SECONDARY_CAPTURE,
    as_jpeg,
    as_jpeg_2000,
    dicom,
    flow,
    fundus,
    written,
)
from pydicom.pixels import get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
)

from retquant.anatomy.scale import resolve_scale
from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import RetinalImage, completed, read_record
from retquant.images.decode import Decoded, decode
from retquant.manifest.records import ImageRecord

SETTINGS = ImageSettings()
FUNDUS = fundus()
GREY = FUNDUS[..., 1]


def read(file: pydicom.FileDataset) -> Decoded:
    return decode(written(file), where="eye", settings=SETTINGS)


def image_of(folder: Path, file: pydicom.FileDataset, **row: object) -> tuple[ImageRecord, RetinalImage]:
    path = folder / "eye.dcm"
    path.write_bytes(written(file))
    record = ImageRecord(image_id="eye", image=path, row=2, **row)  # type: ignore[arg-type]
    return record, read_record(record, settings=SETTINGS)


def in_syntax(syntax: str) -> pydicom.FileDataset:
    file = dicom(FUNDUS)
    if syntax == ExplicitVRBigEndian:
        file["PixelData"].VR = "OB"
    file.file_meta.TransferSyntaxUID = syntax
    return file


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_how_elements_are_written_changes_no_pixel(syntax: str) -> None:
    found = read(in_syntax(syntax))
    assert np.array_equal(found.pixels, FUNDUS)
    assert (found.bit_depth, found.is_grey) == (8, False)


def test_run_length_and_jpeg_2000_are_lossless_and_jpeg_is_near() -> None:
    runs = dicom(FUNDUS)
    runs.compress(RLELossless, generate_instance_uid=False)
    assert np.array_equal(read(runs).pixels, FUNDUS)
    assert np.array_equal(read(as_jpeg_2000(dicom(FUNDUS), FUNDUS)).pixels, FUNDUS)
    off = np.abs(read(as_jpeg(dicom(FUNDUS), FUNDUS)).pixels.astype(int) - FUNDUS)
    assert off.mean() < 3.0  # noise of three grey levels is what quality 95 rounds away


def test_colours_are_rgb_however_they_were_coded() -> None:
    flat = np.empty((130, 140, 3), np.uint8)
    flat[:] = (180, 90, 30)
    planar = dicom(flat, PlanarConfiguration=1)
    planar.PixelData = np.ascontiguousarray(np.moveaxis(flat, 2, 0)).tobytes()
    assert np.array_equal(read(planar).pixels, flat)
    full = dicom(np.broadcast_to(np.uint8([110, 83, 178]), flat.shape), PhotometricInterpretation="YBR_FULL")
    assert np.abs(read(full).pixels.astype(int) - flat).max() <= 1  # each of three numbers was rounded
    palette = dicom(np.broadcast_to(np.uint8(2), (130, 140)), PhotometricInterpretation="PALETTE COLOR")
    for colour, value in zip(("Red", "Green", "Blue"), (180, 90, 30), strict=True):
        setattr(palette, f"{colour}PaletteColorLookupTableDescriptor", [4, 0, 16])
        table = np.array([0, 0, value << 8, 0], "<u2").tobytes()
        setattr(palette, f"{colour}PaletteColorLookupTableData", table)
    found = read(palette)
    assert np.array_equal(found.pixels, flat)
    assert not found.is_grey


def test_monochrome_1_is_turned_so_that_vessels_are_dark() -> None:
    turned = read(dicom(255 - GREY, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(turned.pixels, np.repeat(GREY[..., None], 3, axis=2))
    assert turned.is_grey
    deep = (4095 - GREY.astype(np.uint16) * 16).astype(np.uint16)
    found = read(
        dicom(deep, kind=PHOTOGRAPHY_16, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    )
    assert np.abs(found.pixels[..., 0].astype(int) - GREY.astype(int) * 16 * 255 / 4095).max() <= 0.5


def test_deep_samples_are_scaled_by_the_bits_that_are_used() -> None:
    dim = GREY.astype(np.uint16) * 8  # below 1024, in a file of 12 bits
    twelve = read(dicom(dim, kind=PHOTOGRAPHY_16, BitsStored=12, HighBit=11))
    assert twelve.bit_depth == 12
    assert np.abs(twelve.pixels[..., 0] - dim / 4095 * 255).max() <= 0.5
    careless = read(dicom(dim, kind=PHOTOGRAPHY_16))  # all 16 bits are said to be used, and ten are
    assert careless.bit_depth == 10
    overlaid = read(dicom(dim | np.uint16(0x8000), kind=PHOTOGRAPHY_16, BitsStored=12, HighBit=11))
    assert np.array_equal(overlaid.pixels, twelve.pixels)
    signed = (dim.astype(np.int32) - 2048).astype(np.int16)
    moved = read(dicom(signed, kind=PHOTOGRAPHY_16, BitsStored=12, HighBit=11, PixelRepresentation=1))
    assert np.array_equal(moved.pixels, twelve.pixels)


def test_windows_for_display_change_nothing() -> None:
    windowed = dicom(GREY, WindowCenter=40, WindowWidth=10)
    assert np.array_equal(read(windowed).pixels, read(dicom(GREY)).pixels)


def test_the_header_tells_eye_scale_device_and_day(tmp_path: Path) -> None:
    file = dicom(
        FUNDUS,
        ImageLaterality="L",
        PixelSpacing=[0.045, 0.045],
        HorizontalFieldOfView=45.0,
        Manufacturer="Acme ",
        ManufacturerModelName="Retina 3",
        AcquisitionDateTime="20240131093015.50+0100",
    )
    record, image = image_of(tmp_path, file)
    assert (image.eye, image.device, image.acquired_at) == ("OS", "Acme Retina 3", "2024-01-31T09:30:15")
    assert image.um_per_px == pytest.approx(45.0)
    assert image.remarks == ()
    whole = completed(record, image)
    assert (whole.eye, whole.device, whole.fov_deg) == (
        "OS",
        "Acme Retina 3",
        None,
    )  # the pitch is there itself
    scale = resolve_scale(whole, field=image.field, file_um_per_px=image.um_per_px)
    assert (scale.um_per_px, scale.source) == (pytest.approx(45.0), "file")


def test_an_angle_of_view_is_the_scale_where_no_spacing_is(tmp_path: Path) -> None:
    record, image = image_of(tmp_path, dicom(FUNDUS, HorizontalFieldOfView=45.0))
    scale = resolve_scale(completed(record, image), field=image.field, file_um_per_px=image.um_per_px)
    assert scale.um_per_px == pytest.approx(45 * 0.01306 * (24 - 1.82) * 1000 / image.field.diameter_px)
    record, image = image_of(tmp_path, dicom(FUNDUS, HorizontalFieldOfView=45.0), fov_mm=12.0)
    assert completed(record, image).fov_deg is None


def test_spacing_is_believed_only_where_it_is_the_retinas(tmp_path: Path) -> None:
    for kind, spacing in (
        (SECONDARY_CAPTURE, [0.045, 0.045]),  # of a screen, for all that one knows
        (PHOTOGRAPHY_8, [0.045, 0.09]),  # no square pixels
        (PHOTOGRAPHY_8, [0.26, 0.26]),  # 68 mm of retina
        (PHOTOGRAPHY_8, [0.0, 0.0]),
        (PHOTOGRAPHY_8, [0.045]),
    ):
        _, image = image_of(tmp_path, dicom(FUNDUS, kind=kind, PixelSpacing=spacing))
        assert image.um_per_px is None, (kind, spacing)


def test_the_manifest_wins_and_a_contradiction_is_told(tmp_path: Path) -> None:
    file = dicom(FUNDUS, Laterality="R", Manufacturer="Acme", AcquisitionDate="20240131")
    record, image = image_of(tmp_path, file, eye="OS", device="Topcon", acquired_at="2023-05-01")
    assert image.eye == "OS"
    assert completed(record, image).device == "Topcon"
    assert [
        words
        for remark in image.remarks
        for words in ("OD", "OS", "2024-01-31", "2023-05-01")
        if words in remark
    ] == [
        "OD",
        "OS",
        "2024-01-31",
        "2023-05-01",
    ]
    _, agreeing = image_of(tmp_path, file, eye="OD", acquired_at="2024-01-31T10:00")
    assert agreeing.remarks == ()


@pytest.mark.parametrize(
    ("elements", "moment"),
    [
        ({"AcquisitionDate": "20240131", "AcquisitionTime": "0930"}, "2024-01-31T09:30:00"),
        ({"AcquisitionDate": "20240131", "AcquisitionTime": "99"}, "2024-01-31"),
        ({"AcquisitionDate": "20240231", "ContentDate": "20240201"}, "2024-02-01"),
        ({"AcquisitionDateTime": "Zyxwander"}, None),
        ({}, None),
    ],
)
def test_only_a_sound_date_is_a_date(elements: dict[str, str], moment: str | None) -> None:
    assert read(dicom(FUNDUS, **elements)).facts.acquired_at == moment


def test_both_eyes_or_neither_are_no_eye() -> None:
    for letter in ("B", "U", "", "Zyxwander"):
        assert read(dicom(FUNDUS, ImageLaterality=letter)).facts.eye is None


def test_burned_in_words_are_warned_of(tmp_path: Path) -> None:
    _, image = image_of(tmp_path, dicom(FUNDUS, BurnedInAnnotation="YES"))
    assert any("names" in remark for remark in image.remarks)
    assert image_of(tmp_path, dicom(FUNDUS, BurnedInAnnotation="NO"))[1].remarks == ()


def test_an_en_face_angiogram_has_its_scale_and_eye(tmp_path: Path) -> None:
    file = dicom(flow(), kind=EN_FACE, PixelSpacing=[3 / 304, 3 / 304], ImageLaterality="R")
    _, image = image_of(tmp_path, file, modality="octa")
    assert image.slabs is not None
    assert np.array_equal(image.slabs[0], flow())
    assert image.um_per_px == pytest.approx(3000 / 304)
    assert (image.eye, image.remarks) == ("OD", ())


def test_frames_are_slabs_of_an_angiogram_and_refused_in_a_photograph(tmp_path: Path) -> None:
    slabs = np.stack([flow(seed=1), flow(seed=2)])
    _, image = image_of(tmp_path, dicom(slabs, kind=EN_FACE), modality="octa", slab_names=("svc", "dvc"))
    assert np.array_equal(image.slabs, slabs)
    with pytest.raises(ImageError, match="holds 3 frames, and nothing tells which is the photograph"):
        read(dicom(np.stack([FUNDUS] * 3)))
    with pytest.raises(ImageError, match="holds 13 frames, a volume"):
        image_of(tmp_path, dicom(np.stack([flow()] * 13)), modality="octa")
    with pytest.raises(ImageError, match="B-scans"):
        image_of(tmp_path, dicom(flow(), kind="1.2.840.10008.5.1.4.1.1.77.1.5.4"), modality="octa")


@pytest.mark.parametrize("name", ["eye.jpg", "eye", "eye.vol.png"])
def test_dicom_is_known_by_content_whatever_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(written(dicom(FUNDUS)))
    record = ImageRecord(image_id="eye", image=tmp_path / name, row=2)
    assert np.array_equal(read_record(record, settings=SETTINGS).pixels, FUNDUS)


REFERENCES = {
    # other programs' files, that come with pydicom -> (height, width), and whether they need retquant[dicom]
    "SC_rgb_jpeg_dcmtk.dcm": ((100, 100), False),
    "SC_rgb_rle.dcm": ((100, 100), False),
    "SC_rgb_rle_16bit.dcm": ((100, 100), False),
    "SC_rgb_dcmtk_+eb+cy+s2.dcm": ((100, 100), False),
    "SC_ybr_full_422_uncompressed.dcm": ((100, 100), False),
    "MR_small_jp2klossless.dcm": ((64, 64), False),
    "MR_small_bigendian.dcm": ((64, 64), False),
    "image_dfl.dcm": ((512, 512), False),
    "MR_small_jpeg_ls_lossless.dcm": ((64, 64), True),
    "SC_rgb_jpeg_gdcm.dcm": ((100, 100), True),
}
HAS_PLUGINS = find_spec("gdcm") is not None


@pytest.mark.parametrize("name", REFERENCES)
def test_each_way_of_compressing_is_read_or_named_with_the_line_that_mends_it(name: str) -> None:
    path = pydicom.data.get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom here comes without {name}")
    data = Path(path).read_bytes()
    settings = ImageSettings(min_side_px=32)
    shape, needs_plugins = REFERENCES[name]
    if needs_plugins and not HAS_PLUGINS:
        with pytest.raises(ImageError, match="no decoder is installed") as caught:
            decode(data, where=name, settings=settings)
        assert caught.value.remedy == 'pip install "retquant[dicom]"'
    else:
        assert decode(data, where=name, settings=settings).pixels.shape == (*shape, 3)


def test_twelve_bit_jpeg_says_what_reads_it() -> None:
    path = pydicom.data.get_testdata_file("JPGExtended.dcm", download=False)
    if path is None or find_spec("libjpeg") is not None:
        pytest.skip("there is no such file, or a decoder for it")
    with pytest.raises(ImageError, match="with 12 bits, for which no decoder is installed") as caught:
        decode(Path(path).read_bytes(), where="eye", settings=SETTINGS)
    assert "pylibjpeg-libjpeg" in caught.value.remedy


@pytest.mark.skipif(not HAS_PLUGINS, reason="retquant[dicom] is not installed")
@pytest.mark.parametrize("name", ["MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"])
def test_lossless_pictures_of_plugins_equal_the_uncompressed_one(name: str) -> None:
    settings = ImageSettings(min_side_px=32)
    one, other = (
        decode(Path(pydicom.data.get_testdata_file(file)).read_bytes(), where=file, settings=settings)
        for file in (name, "MR_small.dcm")
    )
    assert np.array_equal(one.pixels, other.pixels)


def test_lossless_jpeg_without_its_plugin_names_the_plugin() -> None:
    file = as_jpeg(dicom(FUNDUS), FUNDUS)
    file.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    decoder = get_decoder(JPEGLosslessSV1)
    if decoder.is_available:
        pytest.skip("a decoder of lossless JPEG is installed")
    with pytest.raises(ImageError, match=r"JPEG Lossless.*no decoder") as caught:
        read(file)
    assert "\n" not in caught.value.problem
    assert "retquant[dicom]" in caught.value.remedy
