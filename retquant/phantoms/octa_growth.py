"""Grows the arteries and veins of an OCTA field by space colonisation, in millimetres from the frame's corner.

Tissue points that lack oxygen draw arteries to them; once an artery has come near they draw veins. Distances shrink
as the retina "expands", so that wide vessels come first and capillaries last; a superficial stage (SVC) is followed by
a deeper, finer one (DVC). Figures: Kreitner et al., IEEE Trans Med Imaging 2024; the code is our own, in two
dimensions, and artery and vein trees are never joined. Beside the wide vessels there is a zone without capillaries,
wider at arteries, which feed the tissue around them themselves: 67 (25) um from the edge of an arteriole to the nearest
capillary and 43 (14) um from that of a venule (Arthur et al., Invest Ophthalmol Vis Sci 60, 2019, PMID 31042789). It is
what tells arteries from veins in an angiogram.
"""

from __future__ import annotations

import numpy as np

from retquant.phantoms.faz_outline import HarmonicOutline
from retquant.phantoms.octa_forest import STAGES, TERMINAL_MM, Forest, Sinks, Stage

_CELL_MM = 0.01  # of the raster of oxygenated tissue
_CAPILLARY_REACH_MM = 0.0235  # tissue nearer than this to a capillary has oxygen
_CAPILLARY_MM = 0.010  # vessels of a larger radius give off little oxygen
# mean and spread over eyes of how far capillaries are kept from a wide vessel's edge: less than where the nearest lie,
# since few grow right at the border. Drawn scans are as bright as elsewhere again at about 70 and 50 um.
_FREE_MM = {"artery": (0.040, 0.008), "vein": (0.025, 0.005)}
_SMALLEST_STEP_MM = 0.04
_MARGIN_MM = 0.012  # between the avascular zone and the nearest node
_CIRCLING_MM = 1.05  # within this distance of the fovea vessels bend round it
_CIRCLING_FROM = 0.15  # share of a stage after which they do


_STEP_MM = 0.1
_SINKS_PER_MM2 = 1150 / 9  # tried an iteration; twice as many in three dimensions
_DRAINED = 0.6  # veins come this much nearer to a point than arteries: else they are a quarter of the length
_SPROUTING = 0.3  # chance an iteration that a called-for side branch arises; 1 gives stars at the roots
_FORK_SPREAD = np.deg2rad(15.0)  # standard deviation of the directions to the sinks above which a tip forks


class Colonisation:
    """The growth of both forests in a square field round one foveal avascular zone."""

    def __init__(self, field_mm: float, faz: HarmonicOutline, rng: np.random.Generator) -> None:
        self.field_mm, self.faz, self.rng = field_mm, faz, rng
        self.artery, self.vein = Forest(), Forest()
        self.free = tuple(
            float(rng.normal(*_FREE_MM[kind])) for kind in ("artery", "vein")
        )  # mm, of this eye

    def run(self, roots: int) -> tuple[Forest, Forest]:
        """Both forests, from `roots` arteries and as many veins that alternate round the border."""
        self._plant(roots)
        for number, stage in enumerate(STAGES):
            self._grow_stage(number, stage)
        for forest in (self.artery, self.vein):
            forest.update_radii()
        return self.artery, self.vein

    def _plant(self, roots: int) -> None:
        share = (np.arange(2 * roots) + self.rng.uniform(0.25, 0.75, 2 * roots)) / (2 * roots)
        side, along = np.divmod((share + self.rng.random()) % 1 * 4, 1)
        along *= self.field_mm
        normals = np.array([[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]])[side.astype(int)]  # inward
        edge = self.field_mm
        start = np.choose(
            side.astype(int)[:, None],
            [
                np.column_stack([np.zeros_like(along), along]),
                np.column_stack([along, np.full_like(along, edge)]),
                np.column_stack([np.full_like(along, edge), edge - along]),
                np.column_stack([edge - along, np.zeros_like(along)]),
            ],
        )
        tangents = np.column_stack([-normals[:, 1], normals[:, 0]])
        inward, sideways = self.rng.uniform(0.5, 1, 2 * roots), self.rng.uniform(-0.6, 0.6, 2 * roots)
        heading = _units(inward[:, None] * normals + sideways[:, None] * tangents)
        for forest, every in ((self.artery, slice(0, None, 2)), (self.vein, slice(1, None, 2))):
            root = forest.add(start[every], heading[every], np.full(roots, -1), 0)
            forest.add(start[every] + _STEP_MM * heading[every], heading[every], root, 0)

    def _grow_stage(self, number: int, stage: Stage) -> None:
        wanting, spent = Sinks(self.artery), Sinks(self.vein)  # oxygen; carbon dioxide to carry off
        supplied = self._supplied_tissue()
        idle = 0
        for iteration in range(stage.iterations):
            sigma = self._expansion(stage, iteration)
            kill, perception = stage.kill / sigma, stage.perception / sigma
            if iteration % 10 == 9:
                self.artery.update_radii()
                self.vein.update_radii()
                supplied = self._supplied_tissue()
            wanting.add(self._new_sinks(wanting, supplied, stage.between_sinks / sigma), perception)
            grown = self._grow(wanting, number, iteration, sigma)
            is_fed = wanting.see(grown, perception, kill)
            _mark(supplied, self.artery.position[grown], _CAPILLARY_REACH_MM)
            fed = wanting.position[is_fed]
            wanting.keep(~is_fed)
            wanting.look_again(perception)
            spent.add(fed[~self._is_near_vein(fed, _DRAINED * kill)], perception)
            drained = spent.see(self._grow(spent, number, iteration, sigma), perception, _DRAINED * kill)
            spent.keep(~drained)
            spent.look_again(perception)
            idle = 0 if is_fed.any() or drained.any() else idle + 1
            if idle >= 5:
                break

    def _expansion(self, stage: Stage, iteration: int) -> float:
        """What distances are divided by; a wide field starts with longer ones, so that trunks reach its middle."""
        first = min(3.0 / self.field_mm, 1.0) if stage is STAGES[0] else 1.0
        last = 1 + stage.expansion * stage.iterations
        return first + (last - first) * iteration / stage.iterations

    def _supplied_tissue(self) -> np.ndarray:
        """Raster of where no sink may arise: near a capillary artery, and in the free zone of a wide vessel."""
        cells = int(np.ceil(self.field_mm / _CELL_MM)) + 2
        supplied = np.zeros((cells, cells), dtype=bool)
        small = self.artery.radius[: self.artery.count] < _CAPILLARY_MM
        _mark(supplied, self.artery.position[: self.artery.count][small], _CAPILLARY_REACH_MM)
        for forest, free in zip((self.artery, self.vein), self.free, strict=True):
            radius = forest.radius[: forest.count]
            steps = np.ceil(radius / _CELL_MM)
            for step in np.unique(steps[radius >= _CAPILLARY_MM]):
                _mark(supplied, forest.position[: forest.count][steps == step], step * _CELL_MM + free)
        return supplied

    def _new_sinks(self, sinks: Sinks, supplied: np.ndarray, between: float) -> np.ndarray:
        """At most one to a cell of a shifting grid, outside the avascular zone and the supplied tissue."""
        tried = self.rng.uniform(0, self.field_mm, (round(_SINKS_PER_MM2 * self.field_mm**2), 2))
        cell = (tried / _CELL_MM).astype(int)
        tried = tried[~supplied[cell[:, 0], cell[:, 1]] & ~self.faz.contains(tried, margin=_MARGIN_MM)]
        offset = self.rng.uniform(0, between, 2)
        columns = int(self.field_mm / between) + 2
        taken = np.zeros(columns**2, dtype=bool)
        there = ((sinks.position + offset) / between).astype(int)
        taken[there[:, 0] * columns + there[:, 1]] = True
        here = ((tried + offset) / between).astype(int)
        cell_of = here[:, 0] * columns + here[:, 1]
        first = np.unique(cell_of, return_index=True)[1]
        return tried[first[~taken[cell_of[first]]]]

    def _is_near_vein(self, points: np.ndarray, reach: float) -> np.ndarray:
        from scipy.spatial import cKDTree

        tree = cKDTree(self.vein.position[: self.vein.count], balanced_tree=False, compact_nodes=False)
        return np.asarray(np.isfinite(tree.query(points, distance_upper_bound=reach)[0]))

    def _grow(self, sinks: Sinks, number: int, iteration: int, sigma: float) -> np.ndarray:
        """One step of every tip and side branch that sinks call for; the new nodes."""
        stage, forest = STAGES[number], sinks.forest
        seen = np.flatnonzero(sinks.node >= 0)
        if not len(seen):
            return np.zeros(0, dtype=int)
        nodes, of = np.unique(sinks.node[seen], return_inverse=True)
        to_sink = _units(sinks.position[seen] - forest.position[sinks.node[seen]])
        heading = forest.heading[nodes]
        ahead = heading[of]
        angle = np.arctan2(
            ahead[:, 0] * to_sink[:, 1] - ahead[:, 1] * to_sink[:, 0], np.sum(ahead * to_sink, axis=1)
        )
        half_cone = np.deg2rad(stage.cone_deg / 2)
        is_tip = forest.children[nodes] == 0
        in_cone = (np.abs(angle) <= half_cone) & is_tip[of]

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(of[in_cone], weights=values[in_cone], minlength=len(nodes))

        called = total(np.ones(len(of)))
        safe = np.maximum(called, 1)
        mean = total(angle) / safe
        spread = np.sqrt(np.maximum(total(angle**2) / safe - mean**2, 0))
        pull = np.column_stack([total(to_sink[:, 0]), total(to_sink[:, 1])])
        step = max(_STEP_MM / sigma, _SMALLEST_STEP_MM)
        fork = np.arccos(2 ** (2 / stage.kappa - 1))
        forks = (called > 0) & (spread > _FORK_SPREAD)
        runs = (called > 0) & ~forks
        forward = stage.inertia * heading[runs] + (1 - stage.inertia) * _units(pull[runs])
        if iteration >= _CIRCLING_FROM * stage.iterations:
            forward = self._circling(forest.position[nodes[runs]], _units(forward), step, stage)
        middle = _units(pull[forks])
        side, sprouts = self._sprouts(forest, nodes, of, angle, stage, half_cone)
        directions = [_units(forward), _turned(middle, fork), _turned(middle, -fork), side]
        parents = np.concatenate([nodes[runs], nodes[forks], nodes[forks], sprouts])
        direction = np.concatenate(directions)
        position = forest.position[parents] + step * direction
        allowed = ((position > 0) & (position < self.field_mm)).all(axis=1) & ~self.faz.contains(
            position, margin=_MARGIN_MM
        )
        return forest.add(position[allowed], direction[allowed], parents[allowed], number)

    def _sprouts(
        self,
        forest: Forest,
        nodes: np.ndarray,
        of: np.ndarray,
        angle: np.ndarray,
        stage: Stage,
        half_cone: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Directions of side branches at Murray's angle from nodes along a vessel, and those nodes."""
        through = forest.radius[nodes]
        joint = (through**stage.kappa + TERMINAL_MM**stage.kappa) ** (1 / stage.kappa)
        cosine = (joint**4 + TERMINAL_MM**4 - through**4) / (2 * joint**2 * TERMINAL_MM**2)
        leave = np.arccos(np.clip(cosine, -1, 1))
        along = (forest.children[nodes] == 1)[of]
        left, right = (
            np.bincount(
                of, weights=along & (np.abs(angle - sign * leave[of]) <= half_cone), minlength=len(nodes)
            )
            for sign in (1, -1)
        )
        chosen = np.flatnonzero((left + right > 0) & (self.rng.random(len(nodes)) < _SPROUTING))
        turn = np.where(left >= right, leave, -leave)[chosen]
        return _turned(forest.heading[nodes[chosen]], turn), nodes[chosen]

    def _circling(self, here: np.ndarray, forward: np.ndarray, step: float, stage: Stage) -> np.ndarray:
        """The direction bent round the fovea, the more the nearer."""
        outward = here + step * forward - self.faz.center
        distance = np.hypot(*outward.T)
        outward = outward / np.maximum(distance, 1e-9)[:, None]
        tangent = np.column_stack([-outward[:, 1], outward[:, 0]])
        tangent *= np.where(np.sum(tangent * forward, axis=1) < 0, -1, 1)[:, None]
        # Published in units of a 3 mm box.
        weight = np.sqrt(np.maximum((_CIRCLING_MM - distance) / 3, stage.circling_floor))[:, None]
        return (1 - weight) * forward + weight * (0.7 * tangent + 0.3 * outward)


def _mark(raster: np.ndarray, points: np.ndarray, reach: float) -> None:
    """Set the cells within `reach` of each point."""
    cells = int(np.ceil(reach / _CELL_MM))
    rows, cols = np.mgrid[-cells : cells + 1, -cells : cells + 1]
    disc = np.hypot(rows, cols) * _CELL_MM <= reach
    at = (points / _CELL_MM).astype(int)[:, :, None] + np.stack([rows[disc], cols[disc]])[None]
    np.clip(at, 0, len(raster) - 1, out=at)
    raster[at[:, 0], at[:, 1]] = True


def _turned(direction: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.column_stack(
        [
            cosine * direction[:, 0] - sine * direction[:, 1],
            sine * direction[:, 0] + cosine * direction[:, 1],
        ]
    )


def _units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.hypot(*vectors.T), 1e-12)[:, None]
