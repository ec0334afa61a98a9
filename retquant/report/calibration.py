"""Whether predictions are as high as outcomes: mean outcome against mean prediction, in tenths of the people."""

from __future__ import annotations

from dataclasses import dataclass

from retquant.association.prediction import Prediction
from retquant.report.axes import Axis, axis_over

WIDTH, HEIGHT = 460, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 446.0, 12.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFigure:
    """Everything the template draws, in pixels."""

    across: Axis
    up: Axis
    points: tuple[tuple[float, float, float, float, str], ...]  # x, y, ends of the interval, text on pointing
    ideal: tuple[
        tuple[float, float], tuple[float, float]
    ]  # ends of the line where outcomes equal predictions
    width: int = WIDTH
    height: int = HEIGHT


def calibration_figure(prediction: Prediction | None) -> CalibrationFigure | None:
    """The plot of a prediction; None where there is none."""
    if prediction is None or not prediction.calibration:
        return None
    points = prediction.calibration
    across = axis_over(
        [point.predicted for point in points], start=_LEFT, end=_RIGHT, include=points[0].predicted
    )
    ends = [end for point in points for end in (point.low, point.high)]
    up = axis_over(ends, start=_BOTTOM, end=_TOP, include=points[0].observed)
    low, high = max(across.low, up.low), min(across.high, up.high)
    return CalibrationFigure(
        across=across,
        up=up,
        points=tuple(
            (
                across.position(point.predicted),
                up.position(point.observed),
                up.position(point.low),
                up.position(point.high),
                f"{point.rows} predicted {point.predicted:.3g}, observed {point.observed:.3g}",
            )
            for point in points
        ),
        ideal=((across.position(low), up.position(low)), (across.position(high), up.position(high))),
    )
