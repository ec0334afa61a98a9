"""Grown OCTA fields: repeatable, connected, Murray's law, traits that do what they say, and a sound record."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from retquant.errors import ConfigError
from retquant.phantoms import OctaRetina, OctaTraits, octa_retina
from retquant.phantoms.octa_graph import LARGE_MM, NODE_TYPES, PLEXUSES
from retquant.phantoms.octa_truth import STRUCTURES

ROOT, BRANCH, END, BORDER = range(len(NODE_TYPES))


@cache
def retina(seed: int = 1, field_mm: float = 2.0, **traits: float) -> OctaRetina:
    """A small field unless told otherwise: growing costs as much as the field is wide."""
    return octa_retina(seed, field_mm=field_mm, traits=OctaTraits(**traits))  # type: ignore[arg-type]


def sampled(field: OctaRetina, size: int) -> OctaRetina:
    return replace(field, size=(size, size))


def test_a_seed_grows_the_same_field_each_time_and_another_seed_another() -> None:
    first, again, other = retina(1), octa_retina(1, field_mm=2.0), retina(2)
    assert np.array_equal(first.graph.points, again.graph.points)
    assert np.array_equal(first.coverage("vein"), again.coverage("vein"))
    assert first.graph.points.shape != other.graph.points.shape


def test_the_number_of_pixels_changes_the_picture_only() -> None:
    coarse, fine = retina(1), octa_retina(1, field_mm=2.0, size=608)
    assert np.array_equal(coarse.graph.points, fine.graph.points)
    assert coarse.truth == fine.truth
    assert fine.shape.um_per_px == pytest.approx(coarse.shape.um_per_px / 2)
    for structure in (*STRUCTURES, "faz"):
        share = coarse.coverage(structure).mean(dtype=float)
        assert share == pytest.approx(fine.coverage(structure).mean(dtype=float), rel=5e-3)


def test_the_shape_draws_what_the_retina_draws() -> None:
    field = sampled(retina(1), 700)
    slow, fast = field.shape.coverage("large_vessel"), field.coverage("large_vessel")
    assert np.abs(slow - fast).max() < 0.05
    assert slow.sum(dtype=float) == pytest.approx(fast.sum(dtype=float), rel=1e-3)
    assert np.array_equal(field.shape.coverage("faz"), field.coverage("faz"))


def test_all_masks_at_once_are_those_drawn_one_by_one() -> None:
    field = sampled(retina(1), 700)
    masks = field.masks()
    assert set(masks) == {*STRUCTURES, "faz"}
    for structure, mask in masks.items():
        assert np.abs(mask - field.coverage(structure)).max() < 1e-6, structure


@pytest.mark.parametrize("tortuosity", [1.0, 3.0])
def test_every_edge_begins_and_ends_at_its_nodes_inside_the_field(tortuosity: float) -> None:
    graph = retina(1, artery_tortuosity=tortuosity).graph
    first, last = graph.points[graph.starts[:-1]], graph.points[graph.starts[1:] - 1]
    assert np.abs(first - graph.node_position[graph.nodes[:, 0]]).max() < 1e-9
    assert np.abs(last - graph.node_position[graph.nodes[:, 1]]).max() < 1e-9
    assert graph.points.min() >= 0
    assert graph.points.max() <= graph.field_mm
    assert graph.run_length.max() < 0.015  # polylines are sampled at 5 um, waves and the fovea stretch them
    assert (graph.length >= graph.chord - 1e-12).all()


def test_degrees_and_types_of_nodes_agree() -> None:
    graph = retina(1).graph
    assert (graph.degree[graph.node_type == END] == 1).all()
    assert (graph.degree[graph.node_type == ROOT] == 1).all()
    assert (graph.degree[graph.node_type == BORDER] == 1).all()
    assert set(np.unique(graph.degree[graph.node_type == BRANCH])) <= {2, 3}
    # Two only where a side branch began outside the field, or its stump was pruned with a patch.
    assert np.mean(graph.degree[graph.node_type == BRANCH] == 2) < 0.01


def test_trees_of_one_class_hang_together() -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = retina(1, perifoveal_ring=False).graph
    size = len(graph.node_type)
    joined = coo_array((np.ones(len(graph)), tuple(graph.nodes.T)), shape=(size, size))
    _, part = connected_components(joined, directed=False)
    whole = 0
    for number in np.unique(graph.tree):
        mine = graph.tree == number
        assert len(np.unique(graph.is_vein[mine])) == 1
        whole += np.bincount(part[graph.nodes[mine, 0]]).max()
    assert whole > 0.98 * len(graph)  # all but what the border cuts off


def test_radii_follow_murrays_law_with_the_exponent_of_the_plexus() -> None:
    graph = retina(1, perifoveal_ring=False).graph
    into = np.full(len(graph.node_type), -1)
    into[graph.nodes[:, 1]] = np.arange(len(graph))
    out = np.argsort(graph.nodes[:, 0], kind="stable")
    begin = np.searchsorted(graph.nodes[out, 0], np.arange(len(into) + 1))
    checked = 0
    for node in np.flatnonzero((np.diff(begin) == 2) & (into >= 0)):
        parent, (one, two) = into[node], out[begin[node] : begin[node + 1]]
        # A vessel of the superficial plexus may branch in the deep one.
        kappas = (2.55, 2.9) if graph.plexus[parent] == 0 else (2.9,)
        expected = [(graph.radius[one] ** k + graph.radius[two] ** k) ** (1 / k) for k in kappas]
        assert min(abs(graph.radius[parent] - radius) for radius in expected) < 1e-9
        checked += 1
    assert checked > 1000


def test_no_vessel_enters_the_avascular_zone_and_a_ring_closes_round_it() -> None:
    field = sampled(retina(1), 700)
    inside = field.coverage("faz") == 1
    assert inside.sum() > 10_000
    assert field.coverage("capillary")[inside].max() < 0.02  # the ring's inner wall is the outline
    ring = field.graph.plexus == PLEXUSES.index("ring")
    outline = field.faz.polygon().perimeter
    assert field.graph.length[ring].sum() > outline
    without = retina(1, perifoveal_ring=False).graph
    assert not (without.plexus == PLEXUSES.index("ring")).any()


def test_a_wider_zone_is_wider_by_the_factor_asked_for() -> None:
    healthy, ill = retina(1), retina(1, faz_enlargement=1.5)
    assert ill.truth["faz_area"] == pytest.approx(2.25 * healthy.truth["faz_area"])
    assert ill.truth["faz_circularity"] == pytest.approx(healthy.truth["faz_circularity"])


def test_dropout_loses_the_share_of_length_asked_for_in_the_patches_recorded() -> None:
    healthy, ill = retina(1), retina(1, dropout=0.2)
    assert ill.lost_share == pytest.approx(0.2, abs=0.02)
    left = ill.graph.length.sum() / healthy.graph.length.sum()
    assert left == pytest.approx(0.8, abs=0.03)
    middle = (ill.graph.points[ill.graph.run_start] + ill.graph.points[ill.graph.run_start + 1]) / 2
    small = ill.graph.radius[ill.graph.edge_of_run] <= LARGE_MM
    in_patch = np.zeros(len(middle), dtype=bool)
    for patch in ill.lost_patches:
        in_patch |= patch.contains(middle)
    area = sum(patch.polygon().area for patch in ill.lost_patches)  # they may overlap
    density = ill.graph.run_length[in_patch & small].sum() / area
    assert density < 0.1 * healthy.truth["capillary_length_density_field"]
    assert (
        ill.truth["large_vessel_length_density_field"]
        > 0.9 * healthy.truth["large_vessel_length_density_field"]
    )


def test_calibre_traits_scale_one_class_only() -> None:
    healthy, ill = retina(1).graph, retina(1, artery_calibre=0.8).graph
    ring = healthy.plexus == PLEXUSES.index("ring")
    artery = ~healthy.is_vein & ~ring
    assert ill.radius[artery] == pytest.approx(0.8 * healthy.radius[artery])
    assert np.array_equal(ill.radius[~artery], healthy.radius[~artery])


def test_tortuosity_rises_with_the_amplitude_and_leaves_the_branching() -> None:
    winding = []
    for amplitude in (0.0, 1.0, 3.0):
        graph = retina(1, artery_tortuosity=amplitude).graph
        mine = ~graph.is_vein & (graph.chord > 0)
        winding.append(float(np.average(graph.length[mine] / graph.chord[mine], weights=graph.length[mine])))
    assert winding[0] < winding[1] < winding[2]
    assert winding[2] > 1.05


def test_curvatures_are_those_of_a_circle_where_the_ring_is_one() -> None:
    graph = retina(1).graph
    turn = np.linspace(0, np.pi / 2, 80)
    arc = 1.5 + 0.5 * np.column_stack([np.cos(turn), np.sin(turn)])
    single = replace(
        graph,
        points=arc,
        starts=np.array([0, 80]),
        radius=graph.radius[:1],
        is_vein=graph.is_vein[:1],
        plexus=graph.plexus[:1],
        tree=graph.tree[:1],
        nodes=np.array([[0, 1]]),
        node_position=arc[[0, -1]],
        node_type=np.array([ROOT, END]),
    )
    assert single.length[0] == pytest.approx(np.pi / 4, rel=1e-4)
    assert single.length[0] / single.chord[0] == pytest.approx(1.1107, rel=1e-4)
    # 79 runs have 78 turns between them.
    assert single.total_abs_curvature[0] == pytest.approx(np.pi / 2 * 78 / 79, rel=1e-9)
    assert single.total_sq_curvature[0] == pytest.approx(np.pi * 78 / 79, rel=1e-3)


def test_crossings_are_where_polylines_of_two_edges_meet_away_from_joints() -> None:
    graph = retina(1).graph
    at, edges = graph.crossings
    assert len(at) > 100
    assert (edges[:, 0] != edges[:, 1]).all()
    points = np.split(graph.points, graph.starts[1:-1])
    for place, pair in zip(at[::200], edges[::200], strict=True):
        for edge in pair:
            gap = np.hypot(*(points[edge] - place).T).min()
            assert gap < 0.006  # the next sample of the polyline
    shared = [set(graph.nodes[a]) & set(graph.nodes[b]) for a, b in edges]
    joints = [
        np.hypot(*(graph.node_position[list(nodes)] - place).T).min()
        for place, nodes in zip(at, shared, strict=True)
        if nodes
    ]
    assert min(joints, default=1.0) > 1e-6


def test_length_densities_add_up_over_quadrants() -> None:
    truth = retina(1, 3.0).truth
    for structure in STRUCTURES:
        parts = [
            truth[f"{structure}_length_density_parafovea_{sector}"]
            for sector in ("superior", "nasal", "inferior", "temporal")
        ]
        assert np.mean(parts) == pytest.approx(truth[f"{structure}_length_density_parafovea"], rel=1e-9)
    assert truth["artery_length_density_field"] + truth["vein_length_density_field"] == pytest.approx(
        truth["capillary_length_density_field"]
    )


def test_nasal_and_temporal_swap_between_eyes() -> None:
    right, left = retina(1, 3.0).truth, replace(retina(1, 3.0), eye="OS").truth
    assert right["vein_length_density_parafovea_nasal"] == left["vein_length_density_parafovea_temporal"]
    assert right["vein_length_density_parafovea_superior"] == left["vein_length_density_parafovea_superior"]


def test_the_record_is_json_and_repeats_the_graph() -> None:
    field = retina(1)
    record = json.loads(json.dumps(field.record, allow_nan=False))
    assert record["record_version"] == 1
    assert len(record["edges"]) == len(field.graph)
    assert sum(edge["length_mm"] for edge in record["edges"]) == pytest.approx(field.graph.length.sum())
    assert {edge["class"] for edge in record["edges"]} == {"artery", "vein"}
    assert record["truth"]["faz_area"] == field.faz.polygon().area
    assert len(record["crossings"]) == record["truth"]["capillary_crossings_field"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"eye": "left"}, "neither OD nor OS"),
        ({"field_mm": 30.0}, "field_mm is 30.0"),
        ({"size": (304, 400)}, "not a square"),
    ],
)
def test_arguments_that_make_no_field_are_refused(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        octa_retina(1, **arguments)  # type: ignore[arg-type]


def test_traits_beyond_their_range_are_refused_with_the_nearest_that_is_not() -> None:
    with pytest.raises(ConfigError, match="dropout") as caught:
        OctaTraits(dropout=0.9)
    assert "dropout=0.5" in str(caught.value)
