"""The diagram of who was tested: a box a step, what is left out beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retquant.association.flow import Step
from retquant.report.text import count

WIDTH = 880
BOX = 430  # pixels, width of a step
ASIDE = 490.0  # where the boxes of what is left out begin
_LINE = 19.0
_PAD = 12.0
_GAP = 26.0
_MOST = 58  # letters of a line
_ONE = {"images": "image", "people": "person", "eyes": "eye", "rows": "row"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBox:
    """One box, in pixels."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[tuple[float, str, str, str], ...]  # y of the text, count, what, class


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFigure:
    """Everything the template draws."""

    boxes: tuple[FlowBox, ...]
    arrows: tuple[tuple[float, float], ...]  # y of start and end, down the middle of the steps
    branches: tuple[float, ...]  # y of the lines to what is left out
    height: float
    width: float = WIDTH
    middle: float = BOX / 2  # x of the arrows
    aside: float = ASIDE


def flow_figure(steps: Sequence[Step]) -> FlowFigure:
    """Boxes from the top down."""
    boxes: list[FlowBox] = []
    arrows: list[tuple[float, float]] = []
    branches: list[float] = []
    y = 2.0
    for place, step in enumerate(steps):
        counted = _span(step.count if step.least is None else step.least, step.count)
        texts = [(counted, _agreeing(counted, step.what), "")] + (
            [("", step.detail, "soft")] if step.detail else []
        )
        box = _box(1.0, y, BOX, texts)
        boxes.append(box)
        end = y + box.height
        if place + 1 == len(steps):
            y = end
            break
        spans = [(_span(one.count, one.most or one.count), one.what) for one in step.left_out]
        aside = [(counted, _agreeing(counted, what), "") for counted, what in spans]
        room = _GAP
        if aside:
            beside = _box(ASIDE, end + _GAP / 2, WIDTH - ASIDE - 1.0, aside)
            boxes.append(beside)
            branches.append(beside.y + beside.height / 2)
            room = beside.height + _GAP
        arrows.append((end, end + room))
        y = end + room
    return FlowFigure(boxes=tuple(boxes), arrows=tuple(arrows), branches=tuple(branches), height=y + 2)


def _span(least: int, most: int) -> str:
    return count(most) if least == most else f"{count(least)} to {count(most)}"


def _agreeing(counted: str, what: str) -> str:
    """The clause after a count, whose first word is one where the count is."""
    first, space, rest = what.partition(" ")
    return _ONE.get(first, first) + space + rest if counted == "1" else what


def _box(x: float, y: float, width: float, texts: Sequence[tuple[str, str, str]]) -> FlowBox:
    lines = tuple(
        (
            y + _PAD + _LINE * (place + 0.72),
            counted,
            what[: _MOST - 1] + "…" if len(what) > _MOST else what,
            tone,
        )
        for place, (counted, what, tone) in enumerate(texts)
    )
    return FlowBox(x=x, y=y, width=width, height=2 * _PAD + _LINE * len(texts), lines=lines)
