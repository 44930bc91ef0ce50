"""Modes that lie far apart: found where tempering loses them, told from one mode, and weighted by their masses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import gammaln

import bayes_scaling as bs
from bayes_scaling.fit import importance
from bayes_scaling.fit import modes as room
from bayes_scaling.fit.particles import Ladder, Population, temper
from bayes_scaling.model import encode, make_spec

WIDE = Population(np.zeros(3), np.full(3, 3.0))
STEEP, POWER, SCALE = np.full(3, 2.0), 8.0, 0.02
PLAIN, SD = np.full(3, -1.0), 0.3
MASSES = (0.85, 0.15)


def evidence():
    """Return log integrals under the population of a steep peak (narrow beside the population) and a normal one."""
    steep = 1.5 * np.log(np.pi * SCALE) + gammaln(POWER - 1.5) - gammaln(POWER) - STEEP @ STEEP / 18 - 3 * np.log(3)
    both = 9 + SD**2
    return steep, 3 * np.log(SD / np.sqrt(both)) + 1.5 * np.log(2 * np.pi) - PLAIN @ PLAIN / (2 * both)


STEEPEST = evidence()[1] - evidence()[0] + np.log(MASSES[0] / MASSES[1])


class Funnel:
    """A plain mode, and a steep one that has won only when the whole likelihood is switched on."""

    def __len__(self):
        return 100

    def log_likelihood(self, theta):
        steep = STEEPEST - POWER * np.log1p(((theta - STEEP) ** 2).sum(axis=1) / SCALE)
        return np.logaddexp(steep, -0.5 * ((theta - PLAIN) ** 2).sum(axis=1) / SD**2)

    def log_density(self, theta):
        return self.log_likelihood(theta) + WIDE.log_density(theta)


def steep(theta):
    return theta.sum(axis=1) > 1.5


def test_tempering_does_not_know_the_masses():
    """Shares of particles are anything: the case is one that needs more."""
    found = [steep(temper(Funnel(), WIDE, 800, np.random.default_rng(seed)).theta).mean() for seed in range(6)]
    assert np.ptp(found) > 0.3


@pytest.mark.parametrize("seed", range(3))
def test_both_modes_are_found_and_have_their_masses(seed):
    rng, target = np.random.default_rng(seed), Funnel()
    ladder = Ladder.up(target, WIDE, 800, rng)
    points, others = ladder.temper(target, rng).theta, room.islands(target, ladder, rng)
    found = room.beside(points, others, target, WIDE, target.log_density, rng)
    assert len(found) == 2
    cells = room.Cells.about(found)
    parts = [importance.from_points(importance.Cell(target, cells, i), c, 2000, rng) for i, c in enumerate(found)]
    joined = importance._joined(parts, 2000, rng)
    error = np.sqrt(MASSES[0] * MASSES[1] * sum(1 / p.effective for p in parts))  # of a ratio of two mean weights
    assert joined.modes == pytest.approx(MASSES, abs=4 * error)
    assert steep(joined.theta).mean() == pytest.approx(joined.modes[0], abs=1e-3), "drawn in proportion, not at random"
    assert len(joined.theta) == 2000
    assert joined.proposals == sum(p.proposals for p in parts)


def test_one_cloud_is_one_mode_however_it_is_cut():
    """A normal one, and a bent one."""
    rng = np.random.default_rng(1)
    first = rng.standard_normal(800)
    for cloud in (
        rng.standard_normal((800, 6)) * [1, 10, 1, 0.1, 1, 1],
        np.stack([first, first**2 + 0.3 * rng.standard_normal(800)], axis=1),
    ):
        assert len(room.halves(cloud)) == 1


@pytest.mark.parametrize("sizes", [(500, 300), (750, 50), (30, 20)])
@pytest.mark.parametrize("size", [2, 6, 12])
def test_two_modes_in_one_cloud_are_told_apart(sizes, size):
    """Along a coordinate or any direction, however many others there are."""
    for seed, direction in ((3, np.eye(size)[0]), (4, np.ones(size) / np.sqrt(size))):
        rng = np.random.default_rng(seed)
        two = [rng.standard_normal((n, size)) + at * direction for n, at in zip(sizes, (0, 12), strict=True)]
        assert sorted(len(part) for part in room.halves(np.concatenate(two))) == sorted(sizes)


def test_hopeless_islands_are_left_out_and_near_ones_joined():
    rng = np.random.default_rng(2)
    at = {name: rng.standard_normal((100, 2)) + where for name, where in {"a": 0, "near": 2, "far": 20}.items()}
    density = [np.full(100, 5.0), np.full(100, 4.0), np.full(100, -2.0)]
    assert [len(c) for c in room.modes(list(at.values()), density)] == [200, 100]
    density[2] = np.full(100, 5.0 - room.HOPELESS - 1)
    assert [len(c) for c in room.modes(list(at.values()), density)] == [200]
    spike, wide = 20 + 0.01 * rng.standard_normal((100, 6)), rng.standard_normal((800, 6))
    equal = [np.full(100, -6 * np.log(0.01)), np.zeros(800)]  # of the same mass: 28 nats between the peaks
    assert [len(c) for c in room.modes([spike, wide], equal)] == [800, 100], "a spike does not hide what is wide"


def test_particles_that_do_not_move_or_lie_far_below_the_best_are_still_islands():
    """Peaks narrower than any move, and a ragged density where few particles are near the best."""

    def peak(theta):
        return -0.5 * ((theta - 1) ** 2).sum(axis=1) / 1e-12

    def ragged(theta):
        return -50 * (theta**2).sum(axis=1) + 400 * np.cos(40 * theta).sum(axis=1)

    class Steep(Funnel):
        def __init__(self, density):
            self.log_likelihood = density

    for density in (peak, ragged):
        rng, target = np.random.default_rng(5), Steep(density)
        found = room.islands(target, Ladder.up(target, WIDE, 200, rng), rng)
        assert min(map(len, found)) >= room.FEWEST
        assert len(room.modes(found, [density(c) for c in found])) >= 1
    alone = np.zeros((room.FEWEST, 3))
    assert len(room.halves(alone)) == 1
    kept = room.settled(target, WIDE, np.concatenate([alone[:1], 9 + alone]), rng, size=20, moves=0)
    assert len(kept) >= room.FEWEST


def test_cells_divide_the_space():
    rng = np.random.default_rng(3)
    clouds = [rng.standard_normal((200, 2)) * [1, 3] + [x, 0] for x in (0.0, 9.0)]
    cells = room.Cells.about(clouds)
    assert (cells.of(clouds[0]) == 0).all()
    assert (cells.of(clouds[1]) == 1).all()


def test_cells_share_the_density_out():
    rng, target = np.random.default_rng(4), Funnel()
    points = rng.uniform(-5, 5, (50, 3))
    cells = room.Cells.about([at + 0.1 * rng.standard_normal((50, 3)) for at in (STEEP, PLAIN)])
    parts = np.array([importance.Cell(target, cells, i).log_density(points) for i in (0, 1)])
    np.testing.assert_array_equal(np.isfinite(parts).sum(axis=0), 1)
    np.testing.assert_array_equal(parts.max(axis=0), target.log_density(points))


def test_the_fit_tells_of_separate_modes(ladder, monkeypatch):
    """Two draws of parameters stand for two modes."""
    model = bs.ScalingModel("power_law", noise={"observation": "normal"})
    plain = model.fit(ladder, draws=200, random_seed=1, progressbar=False)
    assert plain.meta["engine"]["modes"] == [1.0]
    assert "separate modes" not in repr(plain.diagnose())
    usual = importance.importance_draws

    def parted(*given):
        found = usual(*given)
        return importance.replace(found, modes=(0.905, 0.0949, 0.0001))

    monkeypatch.setattr("bayes_scaling.fit.engine.importance_draws", parted)
    found = model.fit(ladder, draws=200, random_seed=1, progressbar=False).diagnose()
    assert found.ok, "a posterior with two modes is no failure of sampling"
    assert "2 explanations that lie far apart (90.5%, 9.5% of the posterior)" in repr(found)
    by_nuts = replace(plain, meta={**plain.meta, "engine": {"name": "nuts", "modes_found": 2}}).diagnose()
    assert "their shares are not known" in repr(by_nuts), "modes that could not be weighted are told too"


def test_modes_that_cannot_be_weighted_are_counted(ladder, monkeypatch):
    """Two clouds that are none of the posterior's modes, and weights that are never trusted."""
    spec, rows = encode(make_spec("power_law", noise={"observation": "normal"}), ladder)
    monkeypatch.setattr(importance.Posterior, "clouds", lambda self, points, rng: [points, points + 1])
    monkeypatch.setattr(importance, "from_points", lambda *given: None)
    assert importance.importance_draws(spec, rows, 100, 1) == importance.Refused(2)


@pytest.mark.real
def test_runs_on_repeated_data_have_two_explanations():
    """The narrow one was missed by particles and by NUTS; its evidence was measured apart, by far more particles."""
    card = bs.load_card("datablations")
    fit = card.fit(draws=500, random_seed=2, progressbar=False)
    assert fit.meta["engine"]["modes"] == pytest.approx([0.905, 0.095], abs=0.01)
    low = np.median(fit.values()["E"][fit.values()["E"] < 1.75])
    assert low == pytest.approx(1.45, abs=0.03)
    shared = importance.ladder_of(fit.spec, fit.rows)
    assert len(shared.modes) > 1
    refit = importance.importance_draws(fit.spec, fit.rows, 2000, 1, lambda: shared)
    assert refit.modes == pytest.approx(fit.meta["engine"]["modes"], abs=0.01), "backtests and bootstraps go on from it"


def test_particles_that_ended_in_a_mode_of_no_mass_are_not_kept():
    """A mode that holds all but nothing takes the place of theirs; beside none, theirs stay as they are."""

    class Higher(Funnel):
        def log_likelihood(self, theta):
            return super().log_likelihood(theta) + 60 * np.exp(-((theta - STEEP) ** 2).sum(axis=1))

    rng, target = np.random.default_rng(1), Higher()
    points, island = (at + 0.05 * rng.standard_normal((200, 3)) for at in (PLAIN, STEEP))
    found = room.beside(points, [island], target, WIDE, target.log_density, rng)
    assert len(found) == 1
    assert steep(found[0]).all()
    for others in ([], [points[:100]]):
        assert room.beside(points, others, target, WIDE, target.log_density, rng)[0] is points
