"""An optic disc with its cup, a fovea and parabolic arcades: all of it known in closed form.

What disc, cup and rim measure follows from their ellipses at any turn (`truth.disc.disc_figures`); what does not
change with a turn is in the shape's own truth.
"""

from __future__ import annotations

import numpy as np

from retquant.phantoms.curves import frame_center
from retquant.phantoms.geometry import Ellipse, Tube
from retquant.phantoms.shape import Shape

DISC_FOVEA_RADII = 5.3  # disc-fovea distance over disc radius: 4.76 mm over 0.9 mm


def tilted_disc(
    eye: str = "OD",
    *,
    semi_axes: tuple[float, float] = (100.0, 84.0),
    angle_deg: float = 12.0,
    cup_share: tuple[float, float] = (0.55, 0.45),
    cup_offset: tuple[float, float] = (-6.0, 9.0),
    fovea_below_deg: float = 6.5,
    um_per_px: float = 9.5,
    size: tuple[int, int] = (1024, 1024),
) -> Shape:
    """A disc whose long axis leans to the nose by `angle_deg`, with a cup of its own shape off the centre.

    Parameters
    ----------
    semi_axes : two floats
        Pixels; the first lies along the long axis.
    cup_share : two floats
        The cup's semi-axes over the disc's; its own long axis stands upright.
    cup_offset : two floats
        Pixels from the disc's centre to the cup's, downwards and towards the temple.
    fovea_below_deg : float
        The fovea lies so far below the disc's horizontal, 5.3 disc radii away.
    """
    temporal = -1.0 if eye == "OD" else 1.0  # to the left in a right eye's picture
    middle = frame_center(size)
    radius = float(np.sqrt(semi_axes[0] * semi_axes[1]))
    tilt, distance = np.deg2rad(fovea_below_deg), DISC_FOVEA_RADII * radius
    away = distance * np.array([np.sin(tilt), temporal * np.cos(tilt)])
    disc_at, fovea = middle - away / 2, middle + away / 2
    # downwards the axis leans away from the nose, so that its upper end leans towards it
    disc = Ellipse(
        center=(float(disc_at[0]), float(disc_at[1])), semi_axes=semi_axes, angle_deg=temporal * angle_deg
    )
    cup = Ellipse(
        center=(disc.center[0] + cup_offset[0], disc.center[1] + temporal * cup_offset[1]),
        semi_axes=(semi_axes[0] * cup_share[0], semi_axes[1] * cup_share[1]),
    )
    return Shape(
        name="tilted_disc",
        size=size,
        disc=disc,
        cup=cup,
        fovea=(float(fovea[0]), float(fovea[1])),
        um_per_px=um_per_px,
        truth={
            "disc_area_px2": disc.area,
            "disc_ovality": min(semi_axes) / max(semi_axes),
            "disc_fovea_distance_px": distance,
            "cup_area_px2": cup.area,
            "cdr_area": cup.area / disc.area,
            "rim_area_px2": disc.area - cup.area,
        },
    )


def parabolic_arcades(
    eye: str = "OD",
    *,
    focal_radii: tuple[float, float] = (1.1, 0.8),
    widths: tuple[float, float] = (9.0, 12.0),
    fovea_below_deg: float = 6.5,
    disc_radius: float = 75.0,
    um_per_px: float = 12.0,
    size: tuple[int, int] = (1024, 1024),
) -> Shape:
    """The main arcades of arteries and veins as parabolas y^2 = 4 a x about the disc-fovea axis, from the disc on.

    `focal_radii` are a over the disc's radius and `widths` the calibres in pixels, of arteries and of veins. The truth
    has each a in pixels and the angle between a class's two arcades at the disc's centre, 0.73 of the way to the
    fovea: the middle of the ring in which it is measured.
    """
    temporal = -1.0 if eye == "OD" else 1.0
    distance = DISC_FOVEA_RADII * disc_radius
    tilt = np.deg2rad(fovea_below_deg)
    along = np.array([np.sin(tilt), temporal * np.cos(tilt)])
    across = np.array([-along[1], along[0]])
    disc_at = frame_center(size) - 0.5 * distance * along
    tubes, truth = {}, {"disc_fovea_distance_px": distance}
    for structure, ratio, width in zip(("artery", "vein"), focal_radii, widths, strict=True):
        focal = ratio * disc_radius
        end = np.sqrt(4 * focal * 1.15 * distance)
        y = np.linspace(0.3 * disc_radius, end, 400)[:, None]
        arms = [disc_at + y**2 / (4 * focal) * along + side * y * across for side in (1.0, -1.0)]
        tubes[structure] = tuple(Tube(points=arm, diameter=width) for arm in arms)
        at = 0.73 * distance
        x = -2 * focal + np.hypot(2 * focal, at)
        truth[f"{structure}_arcade_angle_deg"] = float(2 * np.degrees(np.arccos(x / at)))
        truth[f"{structure}_arcade_parabola_a_px"] = focal
    return Shape(
        name="parabolic_arcades",
        size=size,
        tubes=tubes,
        disc=Ellipse(center=(float(disc_at[0]), float(disc_at[1])), semi_axes=(disc_radius, disc_radius)),
        fovea=(float((disc_at + distance * along)[0]), float((disc_at + distance * along)[1])),
        um_per_px=um_per_px,
        truth=truth,
    )
