"""The peers recover what they are, score as defined, and reach the published figures."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks is not installed

from benchmarks.peers import PEERS, broken_power_law, table
from benchmarks.peers.__main__ import figures_of, quoted
from benchmarks.peers.alternation import alternate
from benchmarks.peers.m_estimators import m4_loss
from benchmarks.peers.scoring import rmsle, summary

X = np.geomspace(4e6, 4e8, 25)
FAR = np.geomspace(4e8, 4e9, 10)


def m1(x):
    return 40 * x**-0.25


def m2(x):
    return 0.2 + 40 * x**-0.3


def m3(x):
    return 60 * (1 / x + 2e-9) ** 0.3


def m4(x):
    return m4_loss(np.log(30.0) - 0.25 * np.log(x), 0.15, 1.0, 0.6)


def broken(x):
    return 0.1 + 0.5 * (x / 4e6) ** -0.1 * (1 + (x / 4e7) ** 2) ** (-0.4 / 2)


PLANTED = {  # tolerance on log loss one decade beyond the data
    "M1": (m1, 1e-9), "M2": (m2, 1e-4), "M3": (m3, 2e-2), "M4": (m4, 5e-3), "M2-ls": (m2, 1e-5), "M3-ls": (m3, 1e-5),
    "M4-ls": (m4, 1e-5), "BNSL": (broken, 1e-4),
}  # fmt: skip
FITTED = [name for name, peer in PEERS.items() if peer.fit is not None]


def test_every_fitted_peer_is_planted():
    assert set(FITTED) == set(PLANTED)


@pytest.mark.parametrize("name", FITTED)
def test_planted_noise_free_law_is_forecast(name):
    law, tolerance = PLANTED[name]
    predict = PEERS[name].fit(X, law(X))
    assert np.abs(np.log(predict(FAR)) - np.log(law(FAR))).max() < tolerance


@pytest.mark.parametrize("name", FITTED)
def test_fit_is_deterministic_and_orders_its_points(name):
    y = m4(X) * np.exp(0.02 * np.sin(7.0 * np.arange(X.size)))
    order = np.random.default_rng(1).permutation(X.size)
    first, again, shuffled = (PEERS[name].fit(x, z)(FAR) for x, z in [(X, y), (X, y), (X[order], y[order])])
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, shuffled)
    assert ((first > 0) & np.isfinite(first)).all()


@pytest.mark.parametrize("name", FITTED)
def test_unit_of_the_scale_does_not_matter(name):
    y = m4(X) * np.exp(0.02 * np.sin(7.0 * np.arange(X.size)))
    np.testing.assert_allclose(PEERS[name].fit(X / 1e6, y)(FAR / 1e6), PEERS[name].fit(X, y)(FAR), rtol=1e-3)


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize(
    ("x", "y"), [(X, m1(X)[:-1]), (X[:2], m1(X[:2])), (X, -m1(X)), (X, np.where(X > 1e7, np.nan, 1.0))]
)
def test_bad_points_are_refused(name, x, y):
    with pytest.raises(ValueError, match="expected"):
        PEERS[name].fit(x, y)


def test_m4_equation_holds_at_the_loss():
    log_power = np.linspace(-8, 6, 15)
    loss = m4_loss(log_power, 0.2, 0.9, 1.7)
    np.testing.assert_allclose(np.log(loss - 0.2) - 1.7 * np.log(0.9 - loss), log_power, atol=1e-8)
    np.testing.assert_allclose(m4_loss(log_power, 0.2, 0.9, 0.0), 0.2 + np.exp(log_power))


def test_alternation_keeps_to_its_bounds():
    y = m2(X) * np.exp(0.05 * np.cos(3.0 * np.arange(X.size)))
    E, e0, _, c, a = alternate(np.log(X), y, bent=True)
    assert 0 <= E <= y.min() - 1e-3
    assert y.max() + 1e-3 <= e0 <= 1.001
    assert c <= 0 <= a


def test_jacobian_of_the_broken_law(monkeypatch):
    from scipy.optimize import approx_fprime

    kept = {}
    monkeypatch.setattr(broken_power_law, "least_squares", lambda fun, x0, **k: kept.update(fun=fun, jac=k["jac"]))
    broken_power_law._descend(np.log(X / X[0]), broken(X), np.zeros(6))
    q = np.array([0.1, -0.5, 0.2, 0.6, 1.5, -0.7])
    np.testing.assert_allclose(kept["jac"](q), approx_fprime(q, kept["fun"], 1e-7), atol=1e-5)


def test_a_sharp_break_does_not_overflow():
    q = np.array([0.1, 0.0, 0.2, 0.3, 0.0, np.log(0.002)])
    assert broken_power_law._mean(np.array([4.0]), q) == pytest.approx(0.1 + np.exp(-0.5 * 4.0))


def test_rmsle_by_hand():
    assert rmsle(np.array([1.0, 2.0, 8.0]), np.array([1.0, 4.0, 4.0])) == pytest.approx(np.log(2) * np.sqrt(2 / 3))
    with pytest.raises(ValueError, match="positive"):
        rmsle(np.array([1.0, -2.0]), np.array([1.0, 4.0]))
    with pytest.raises(ValueError, match="shapes"):
        rmsle(np.array([1.0]), np.array([1.0, 4.0]))


@pytest.fixture
def curves():
    """Two curves of M1: one exact, one whose test rows lie 10 % above."""
    x = np.concatenate([X, FAR])
    training = x < FAR[0]
    frames = [
        pd.DataFrame({"family": "IC", "run": f"IC/toy/{lift}", "seen": x, "training": training,
                      "loss": m1(x) * np.where(training, 1.0, lift)})
        for lift in (1.0, 1.1)
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_table_scores_test_rows_of_every_curve(curves):
    scores = table(curves, peers=["M1", "NSL-PFN"])
    assert list(scores.columns) == ["peer", "domain", "run", "rmsle"]
    assert list(scores["run"]) == ["IC/toy/1.0", "IC/toy/1.1"]
    np.testing.assert_allclose(scores["rmsle"], [0.0, np.log(1.1)], atol=1e-9)
    assert summary(scores).loc[("M1", "IC"), "mean"] == pytest.approx(np.log(1.1) / 2)


def test_table_names_the_curve_that_fails(curves):
    curves.loc[3, "loss"] = -1.0
    with pytest.raises(ValueError, match=r"M1 on IC/toy/1\.0"):
        table(curves, peers=["M1"])


def test_figures_stand_beside_published_ones(curves):
    figures = figures_of(table(curves, peers=["M4"]))
    assert [f["figure"] for f in figures] == ["peers/M4/IC/rmsle_mean", "peers/M4/IC/rmsle_median"]
    assert figures[0]["peer_value"] == 0.0415
    assert json.dumps(figures)
    assert any("lpd 3.33" in text for text in quoted().values())


def test_published_means_follow_from_the_listed_rows():
    assert PEERS["M3"].published["BB"].rmsle == pytest.approx(0.0087, abs=5e-5)
    assert all(p.source for peer in PEERS.values() for p in peer.published.values())


@pytest.mark.real
def test_published_figures_are_reached(mirror):
    scores = summary(table(peers=["M1", "M2", "M3", "M4"]))["mean"]
    for name, domain in [("M1", "NMT"), ("M1", "BB"), ("M2", "BB"), ("M3", "BB"), ("M4", "IC"), ("M4", "LM")]:
        assert scores[name, domain] == pytest.approx(PEERS[name].published[domain].rmsle, rel=0.05), (name, domain)
