"""Eye and centring as the picture shows them."""

from __future__ import annotations

import pytest

from retquant.anatomy import Anatomy, Disc, Scale, infer_centring, infer_eye
from retquant.images.retinal_image import Field
from retquant.phantoms import simple_eye

FIELD = Field(center=(500.0, 500.0), diameter_px=1000.0)


def anatomy(
    disc: tuple[float, float] | None = None, fovea: tuple[float, float] | None = None, eye: str | None = None
) -> Anatomy:
    return Anatomy(
        disc=Disc(center=disc, radius_px=70.0) if disc else None,
        fovea=fovea,
        scale=Scale(um_per_px=None, source="unknown"),
        eye=eye,
    )


@pytest.mark.parametrize(
    ("disc", "fovea", "shown"),
    [
        ((480.0, 800.0), (500.0, 450.0), "OD"),
        ((480.0, 200.0), (500.0, 550.0), "OS"),
        ((480.0, 510.0), (520.0, 150.0), "OD"),  # centred on the disc: the fovea still tells
        ((480.0, 800.0), None, "OD"),
        ((480.0, 200.0), None, "OS"),
        ((480.0, 540.0), None, None),  # a disc in the middle tells nothing by itself
        ((100.0, 700.0), None, None),  # more above than beside
        ((100.0, 500.0), (450.0, 510.0), None),  # a picture on its side
        (None, (500.0, 500.0), None),
        (None, None, None),
    ],
)
def test_the_disc_lies_to_the_right_in_a_right_eye(disc, fovea, shown):
    assert infer_eye(anatomy(disc, fovea), FIELD) == shown


def test_what_the_manifest_says_of_the_eye_does_not_change_what_the_picture_shows():
    assert infer_eye(anatomy((480.0, 800.0), (500.0, 450.0), "OS"), FIELD) == "OD"


@pytest.mark.parametrize(
    ("disc", "fovea", "centring"),
    [
        ((480.0, 850.0), (500.0, 490.0), "macula"),
        ((490.0, 520.0), (520.0, 150.0), "disc"),
        ((480.0, 690.0), (510.0, 310.0), "other"),  # half way between
        ((850.0, 800.0), (870.0, 450.0), "other"),  # the field above both
        (None, (520.0, 480.0), "macula"),
        ((520.0, 480.0), None, "disc"),
        ((520.0, 850.0), None, "other"),
        (None, None, None),
    ],
)
def test_a_picture_is_centred_on_what_lies_in_its_middle(disc, fovea, centring):
    assert infer_centring(anatomy(disc, fovea), FIELD) == centring


@pytest.mark.parametrize("eye", ["OD", "OS"])
@pytest.mark.parametrize(("place", "centring"), [(0.0, "macula"), (1.0, "disc")])
def test_a_digital_eye_shows_which_it_is_and_where_it_looks(eye, place, centring):
    shape = simple_eye(3, eye, centring=place, size=(256, 256)).shape
    assert shape.disc is not None
    found = anatomy(shape.disc.center, shape.fovea)
    field = Field(center=(127.5, 127.5), diameter_px=245.8)
    assert (infer_eye(found, field), infer_centring(found, field)) == (eye, centring)
