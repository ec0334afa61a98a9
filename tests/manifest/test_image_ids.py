"""Names made from files: unique, fit for file names, and independent of the order of rows."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from retquant.manifest.image_ids import make_image_ids


def ids(*cells: str, given: dict[int, str] | None = None) -> list[str]:
    return make_image_ids([(given or {}).get(n) for n in range(len(cells))], cells)


def test_a_stem_is_enough_where_it_is_alone() -> None:
    assert ids("a/1_left.jpg", "b/2.x.png", "noending") == ["1_left", "2.x", "noending"]


def test_folders_tell_equal_stems_apart() -> None:
    assert ids("a/1.png", "b/1.png", "b/2.png") == ["a_1", "b_1", "2"]
    assert ids("p/v1/1.png", "q/v1/1.png", "q\\v2\\1.png") == ["p_v1_1", "q_v1_1", "v2_1"]


def test_a_file_without_folder_keeps_its_stem() -> None:
    assert ids("1.png", "b/1.png") == ["1", "b_1"]


def test_endings_tell_files_apart_that_differ_in_nothing_else() -> None:
    assert ids("a/1.png", "a/1.jpg") == ["a_1_png", "a_1_jpg"]


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    made = ids("x/A.png", "y/a.png")
    assert made == ["x_A", "y_a"]


def test_given_ids_are_kept_and_made_ones_give_way() -> None:
    assert ids("a/1.png", "b/2.png", given={1: "1"}) == ["a_1", "1"]


def test_made_ids_are_fit_for_file_names() -> None:
    assert ids("a/.hidden.png") == ["_.hidden"]
    assert ids('a/what?"now".png') == ["what__now_"]
    (long,) = ids("a/" + "é" * 200 + ".png")
    assert len(long.encode()) <= 200


_FOLDERS = st.lists(st.sampled_from("abAB"), max_size=3)
_FILES = st.sampled_from(("1.png", "1.jpg", "2.png", "x", "X.png", "a_1.png", "1_png.png", "..png"))
_PATHS = st.builds(lambda folders, name: "/".join([*folders, name]), _FOLDERS, _FILES)


@settings(deadline=None, max_examples=60)
@given(st.lists(_PATHS, unique=True, max_size=12), st.randoms(use_true_random=False))
def test_made_ids_are_unique_whatever_the_paths_and_their_order(cells: list[str], random: Random) -> None:
    made = dict(zip(cells, ids(*cells), strict=True))
    assert len({name.casefold() for name in made.values()}) == len(cells)
    shuffled = random.sample(cells, len(cells))
    assert dict(zip(shuffled, ids(*shuffled), strict=True)) == made
