"""Data filtering: epoch by epoch as the paper has it, pools together, which ones are best at which samples."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.data_filtering import EPOCHS
from bayes_scaling.model.priors import draw

XP = numpy_backend()
LAW = laws.get("data_filtering")
GOYAL = LAW.constants("goyal2024")
POOL = 12_800_000


def used(*pools):
    """Return which pools are trained on."""
    return {f"in_{p}": float(p in pools) for p in LAW.pools}


def by_hand(samples, pools, unit=1e5, a=0.025, d=0.1):
    """Return the error of pools of the paper's constants, one epoch after another."""
    b = {"p10": -0.16, "p20": -0.125, "p30": -0.1, "p40": -0.085}
    tau = {"p10": 6.7272727, "p20": 8.5454545, "p30": 5.2727273, "p40": 2.2727273}
    whole, error, before, epoch = POOL * len(pools), 1.0, unit / a, 0
    while epoch == 0 or before < samples:
        now = min(whole * (epoch + 1), samples)
        utility = np.mean([b[p] * 0.5 ** (epoch / (tau[p] * len(pools))) for p in pools])
        error *= (now / before) ** utility
        before, epoch = now, epoch + 1
    return d + error


@pytest.mark.parametrize("pools", [("p10",), ("p30",), ("p10", "p20"), ("p10", "p20", "p30", "p40")])
@pytest.mark.parametrize("epochs", [0.99, 1.0, 2.5, 10.0])
def test_the_error_of_each_epoch_is_that_of_the_paper(pools, epochs):
    samples = epochs * POOL * len(pools)
    found = LAW.mean(XP, samples=samples, pool_size=POOL, **used(*pools), **GOYAL)
    assert found == pytest.approx(1 - by_hand(samples, pools), rel=1e-12)


def test_one_pool_seen_once_is_a_power_law():
    samples = POOL * np.array([0.8, 1.0])
    found = LAW.mean(XP, samples=samples, pool_size=POOL, **used("p10"), **GOYAL)
    np.testing.assert_allclose(found, 0.9 - (0.025 * samples / 1e5) ** -0.16, rtol=1e-12)


def test_samples_help_less_with_every_epoch_and_never_harm():
    samples = POOL * np.arange(1.0, EPOCHS + 1)
    rng = np.random.default_rng(1)
    sampled = {p.name: draw(p.prior, rng, (200, 1)) for p in LAW.parameters}
    accuracy = LAW.mean(XP, samples=samples, pool_size=np.full(EPOCHS, POOL), **used("p10"), **sampled)
    assert (np.diff(accuracy, axis=1) >= -1e-12).all()
    error = 1 - accuracy - sampled["d"]
    free = error[:, 0] < 0.9 - sampled["d"][:, 0]  # beyond guessing from the start
    assert free.sum() > 20
    gained = np.diff(np.log(error[free]), axis=1) / np.diff(np.log(samples))
    assert (np.diff(gained, axis=1) >= -1e-9).all(), "the utility, per e-fold samples, falls with repetition"


def test_a_longer_half_life_and_a_higher_utility_help():
    at = {"samples": 20 * POOL, "pool_size": POOL, **used("p10")}
    base = LAW.mean(XP, **at, **GOYAL)
    assert LAW.mean(XP, **at, **{**GOYAL, "tau_p10": 20.0}) > base
    assert LAW.mean(XP, **at, **{**GOYAL, "b_p10": 0.2}) > base
    assert LAW.mean(XP, **at, **{**GOYAL, "b_p40": 0.2}) == base, "pools that are not seen change nothing"


def test_filter_less_with_more_samples():
    """The claim of the title, at the paper's constants and for any draw against brute force."""
    samples = POOL * np.array([1.0, 5.0, 10.0, 50.0])
    best = LAW.best_pools(XP, samples=samples, pool_size=POOL, **GOYAL)
    assert best[0] == 1
    assert (np.diff(best) >= 0).all()
    assert best[-1] > 1
    rows = [[by_hand(n, LAW.pools[: m + 1]) for m in range(4)] for n in samples]
    np.testing.assert_array_equal(best, np.argmin(rows, axis=1) + 1)


def test_utility_of_pools_together_is_the_mean_with_longer_half_lives():
    found = LAW.effective_utility(XP, first=np.array([1.0, 2.0]), epoch=np.array([1.0, 8.0]), **GOYAL)
    assert found[0] == pytest.approx(0.16)
    expected = (0.16 * 0.5 ** (7 / (2 * 6.7272727)) + 0.125 * 0.5 ** (7 / (2 * 8.5454545))) / 2
    assert found[1] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(CardError, match="5 pools"):
        LAW.effective_utility(XP, first=np.array([5.0]), epoch=np.array([1.0]), **GOYAL)


def test_other_pools_are_an_option():
    law = LAW.with_options(pools=["clean", "raw"])
    assert {"in_clean", "in_raw"} == {i.column for i in law.inputs} - {"seen", "pool_size"}
    law.check_values(pd.DataFrame(law.example(40)))
    with pytest.raises(CardError, match=r"no utility of pool clean, raw.*leave the option pools out"):
        law.constants("goyal2024")
    for bad in ("clean", [], ["a", "a"]):
        with pytest.raises(CardError, match="pools ="):
            LAW.with_options(pools=bad)
    with pytest.raises(CardError, match=r"'pool'.*Did you mean 'pools'"):
        LAW.with_options(pool=["a"])


def test_bad_rows_are_listed():
    frame = pd.DataFrame({"seen": [1e8, 1e9], "pool_size": [1e7, 1e7], **{f"in_{p}": [0, 1] for p in LAW.pools}})
    with pytest.raises(DataError, match=r"row 0 .*expected at least one pool"):
        LAW.check_values(frame)
    frame["in_p10"] = 1
    LAW.check_values(frame)
    with pytest.raises(DataError, match=rf"row 1 with seen = 1e\+10.*at most {EPOCHS} epochs"):
        LAW.check_values(frame.assign(seen=[1e8, 1e10]))
    with pytest.raises(DataError, match="best_pools at 100 epochs"):
        LAW.best_pools(XP, samples=np.array([1e9]), pool_size=1e7, **GOYAL)


def test_nothing_is_worse_than_guessing():
    assert LAW.mean(XP, samples=1e3, pool_size=POOL, **used("p40"), **GOYAL) == pytest.approx(0.001)
