"""Names beside the dots of a plot, where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence

LETTER = 6.4  # pixels, mean width of a letter of the labels


def name_tags(
    dots: Sequence[tuple[float, float, str]],
    *,
    left: float,
    right: float,
    most: int,
    taken: Sequence[tuple[float, float, str]] = (),
) -> list[str]:
    """For each dot (x, y, name), the most important first: "start" or "end", where its name hangs, or "" without room.

    The first `most` are named, to the right of the dot if that is free, else to its left, between `left` and `right`
    and not over texts that are `taken`: x, y and text of each, written from x on at the foot y.
    """
    used = [(x, y - 12, x + LETTER * len(text), y + 4) for x, y, text in taken]
    used += [(x - 5, y - 5, x + 5, y + 5) for x, y, _ in dots[: 2 * most]]
    hung = [""] * len(dots)
    for place, (x, y, name) in enumerate(dots[:most]):
        wide = LETTER * len(name)
        for anchor, start in (("start", x + 8), ("end", x - 8 - wide)):
            box = (start, y - 9, start + wide, y + 6)
            if box[0] > left and box[2] < right and not any(_overlap(box, other) for other in used):
                used.append(box)
                hung[place] = anchor
                break
    return hung


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
