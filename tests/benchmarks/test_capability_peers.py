"""Peers of capability models recover what they are, keep to the published splits, and reach published figures."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks is not installed

from benchmarks.peers import observational, pca_link, sloth
from benchmarks.peers.capability import AGENTBENCH, EMERGENT_MEAN, EMERGENT_TRAIN, agent_figure, emergent_figures
from benchmarks.peers.capability import sloth_figures as figures_of
from benchmarks.peers.leaderboards import BENCHMARKS_OF, fold_errors, setting

FLOORS = np.array([0.25, 0.0, 0.1, 0.5, 0.0])


def planted(seed=0, families=8, sizes=(0.5, 2.0, 8.0, 30.0)):
    """Two skills, five benchmarks, no noise: models, accuracies, mask of the smallest model and of other families."""
    rng = np.random.default_rng(seed)
    tokens = np.geomspace(0.3, 15, families)
    models = pd.DataFrame(
        [(f"f{i}", s * 1e9, t * 1e12) for i, t in enumerate(tokens) for s in sizes],
        columns=["family", "params", "tokens"],
    )
    slopes = np.array([[0.3, 0.1], [0.5, 0.2], [0.05, 0.02]])
    loadings = np.array([[0.8, 0.2, 0.5, 0.9, 0.0], [0.0, 0.9, 0.5, 0.1, 0.7]])
    intercepts = rng.normal(size=(families, 2)) * 0.5
    A = sloth._design(models, tuple(f"f{i}" for i in range(families))).astype(float)
    z = A @ np.vstack([slopes, intercepts]) @ loadings + rng.normal(size=5) * 0.3
    return models, FLOORS + (1 - FLOORS) / (1 + np.exp(-z)), ~models["family"].duplicated() | (models["family"] != "f3")


def test_sloth_recovers_larger_models_of_a_family_with_one():
    models, scores, train = planted()
    law = sloth.fit(models[train], scores[train], FLOORS, skills=2, link=False, rates=(0.1, 0.01))
    assert law.training_error < 2e-3
    assert np.abs(law.predict(models[~train]) - scores[~train]).max() < 0.01


def test_learned_links_fit_what_a_logistic_function_cannot():
    models, scores, train = planted()
    bent = np.sqrt(scores)
    basic, full = (
        sloth.fit(models[train], bent[train], FLOORS, skills=2, link=link, rates=(0.02,)) for link in (False, True)
    )
    assert full.training_error < basic.training_error
    low, high = full.predict(models.assign(params=1e8)), full.predict(models.assign(params=1e11))
    assert (high >= low - 1e-6).mean() > 0.9


def test_a_shared_intercept_predicts_families_never_seen_and_an_own_one_refuses():
    models, scores, train = planted(families=3)
    options = {"skills": 1, "link": False, "rates": (0.1,)}
    shared = sloth.fit(models[train], scores[train], FLOORS, shared=True, **options)
    assert shared.predict(models.assign(family="new")).shape == scores.shape
    with pytest.raises(KeyError, match="new"):
        sloth.fit(models[train], scores[train], FLOORS, **options).predict(models.assign(family="new"))


@pytest.mark.parametrize("link", [False, True])
def test_gradient_of_the_loss(link):
    models, scores, _ = planted()
    objective = sloth._Objective(sloth._design(models, ("f0", "f1")).astype(float), scores, FLOORS)
    layout = sloth._layout(5, 5, 2, link)
    rng = np.random.default_rng(1)
    at = 0.5 * sloth._start(layout, FLOORS, rng).astype(float)
    gradient, unused, step = np.zeros_like(at), np.zeros_like(at), 1e-6 * rng.normal(size=at.shape)
    objective.gradient(layout.split(at), layout.split(gradient))
    up, down = (objective.gradient(layout.split(at + s * step), layout.split(unused))[0] for s in (1, -1))
    assert (up - down) / 2 == pytest.approx(gradient @ step, rel=1e-5)


def test_more_starts_never_fit_worse():
    models, scores, train = planted(families=3)
    one, three = (
        sloth.fit(models[train], scores[train], FLOORS, skills=2, link=False, rates=(0.1,), starts=n) for n in (1, 3)
    )
    assert three.training_error <= one.training_error


def test_sloth_refuses_gaps_and_too_many_skills():
    models, scores, _ = planted()
    gappy = scores.copy()
    gappy[0, 0] = np.nan
    for Y, skills in ((gappy, 1), (scores, 6)):
        with pytest.raises(ValueError, match="at most 5 skills"):
            sloth.fit(models, Y, FLOORS, skills=skills)


def planted_link(rows=60, gaps=0.0, seed=0):
    """Seven benchmarks of three components and a task that is a sigmoid of them."""
    rng = np.random.default_rng(seed)
    skills = rng.normal(size=(rows, 3)) * [0.12, 0.04, 0.02]
    X = np.clip(0.5 + skills @ np.linalg.qr(rng.normal(size=(7, 3)))[0].T, 0, 1)
    y = 1 / (1 + np.exp(1 - skills @ [12.0, -8.0, 15.0]))
    X[rng.random(X.shape) < gaps] = np.nan
    return X, y


def test_pca_link_recovers_a_sigmoid_of_components():
    X, y = planted_link()
    law = pca_link.fit(X[:40], y[:40])
    np.testing.assert_allclose(law.predict(X[40:]), y[40:], atol=1e-4)
    weights, intercept = law.of_benchmarks()
    np.testing.assert_allclose(1 / (1 + np.exp(-intercept - X[40:] @ weights)), y[40:], atol=1e-4)


def test_pca_link_finds_the_floor_and_the_two_fits_agree_without_one():
    X, y = planted_link()
    assert pca_link.fit(X, 0.1 + 0.9 * y, floor=True).floor == pytest.approx(0.1, abs=1e-3)
    assert pca_link.fit(X, y, floor=True).floor == pytest.approx(0.0, abs=1e-3)


def test_gaps_are_filled_by_the_first_component():
    rng = np.random.default_rng(2)
    whole = 0.5 + 0.1 * np.outer(rng.normal(size=50), [1.0, 0.8, 0.6, 1.2])
    X = whole.copy()
    X[::7, 1] = np.nan
    filled, learned = pca_link.impute(X[:40])
    np.testing.assert_allclose(filled, whole[:40], atol=1e-4)
    np.testing.assert_allclose(learned.fill(X[40:]), whole[40:], atol=1e-4)
    with pytest.raises(ValueError, match="two or more"):
        pca_link.impute(np.full((3, 2), np.nan))


def test_figures_of_sloth_are_means_over_seeds_and_kept_starts():
    rows = [("a", 2.0, 4.0, 0), ("b", 1.0, 6.0, 0), ("a", 1.0, 2.0, 1), ("b", 2.0, 8.0, 1)]
    table = pd.DataFrame(rows, columns=["fold", "training_error", "error", "seed"])
    found = {f["figure"].rsplit("/", 1)[1]: f["value"] for f in figures_of("v2", 2, table)}
    assert found == {"mae": 5.0, "mae_sd_over_seeds": 0.0, "mae_kept": 4.0}


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "models", "families", "folds"), [("v1", 134, 41, 19), ("v2", 102, 37, 12), ("v12", 74, 26, 11)]
)
def test_leaderboards(mirror, name, models, families, folds):
    found = setting(name)
    assert (len(found.models), found.models["family"].nunique(), len(found.folds)) == (models, families, folds)
    assert found.scores.shape == (models, len(BENCHMARKS_OF[name]))
    assert np.isfinite(found.scores.to_numpy()).all()
    for fold in found.folds:
        assert (fold.train ^ fold.test).all()
        held = found.models["family"].isin(fold.families)
        assert held[fold.test].all()
        kept = found.models[held & fold.train]
        assert kept["family"].is_unique
        smallest = found.models.groupby("family")["params"].min()
        assert (kept.set_index("family")["params"] == smallest[kept["family"]]).all()
    assert fold_errors(found.scores.to_numpy()[fold.test] + 0.01, found, fold) == pytest.approx(1.0)
    rows = found.long()
    assert rows.loc[found.long_mask(fold.test), "family"].isin(fold.families).all()
    assert (rows["compute"] / (6 * rows["params"] * rows["tokens"])).between(0.999, 1.001).all()


@pytest.mark.real
def test_published_observational_figures(mirror):
    found = {f["figure"]: f["value"] for f in [*emergent_figures(), agent_figure()]}
    assert round(found["pca_link/emergent/geometric_mean_mse_test"], 4) == EMERGENT_MEAN
    assert round(found["pca_link/agentbench/mse_test"], 5) == AGENTBENCH
    for task, published in EMERGENT_TRAIN.items():
        assert float(f"{found[f'pca_link/{task}/mse_train']:.1e}") == published


@pytest.mark.real
def test_published_coefficients(mirror):
    """Table C.1 of arXiv:2405.10938: weights of the benchmarks and intercept."""
    published = {
        "3_digit_subtraction": [2.17, 2.32, -3.44, -7.96, 0.65, 34.27, 20.39, -20.99],
        "2_digit_multiplication": [1.62, 1.95, 0.55, -0.63, 0.14, 6.80, 6.52, -8.00],
        "agentbench": [2.34, 0.82, 0.32, 0.54, 0.60, -0.42, 2.63, -6.37],
    }
    for name, expected in published.items():
        agents = name == "agentbench"
        split = observational.agentbench() if agents else observational.emergent(name)
        X = split.features.to_numpy()[split.train]
        weights, intercept = pca_link.fit(X, split.target[split.train], floor=agents).of_benchmarks()
        np.testing.assert_allclose([*weights, intercept], expected, atol=0.006)


@pytest.mark.real
def test_sloth_on_a_published_fold(mirror):
    found = setting("v2")
    fold = next(fold for fold in found.folds if fold.name == "opt")
    scored = sloth.score_fold(found, fold, skills=2, link=False)
    assert scored["training_error"] < 2.5
    assert scored["error"] < 4
