"""Priors mean what they say: the stated median and upper end, in NumPy and in PyMC."""

import numpy as np
import pytest
from scipy import stats

from bayes_scaling.laws import Prior
from bayes_scaling.model.priors import draw, natural, quantile, to_pymc

DRAWS = 40_000
PRIORS = {
    "lognormal": Prior("lognormal", median=0.35, upper95=0.7),
    "logitnormal": Prior("logitnormal", median=0.9, upper95=0.99),
    "halfnormal": Prior("halfnormal", upper95=0.2),
    "normal": Prior("normal", mean=-1.0, sd=2.0),
    "beta": Prior("beta", alpha=2.0, beta=5.0),
    "gamma": Prior("gamma", alpha=2.0, beta=0.1),
    "exponential": Prior("exponential", mean=3.0),
    "uniform": Prior("uniform", lower=-1.0, upper=4.0),
}
SCIPY = {
    "normal": stats.norm(-1, 2), "beta": stats.beta(2, 5), "gamma": stats.gamma(2, scale=10),
    "exponential": stats.expon(scale=3), "uniform": stats.uniform(-1, 5),
}  # fmt: skip


def test_every_form_is_tested():
    assert {*PRIORS, "constant"} == set(Prior.FORMS)


def test_a_constant_is_not_sampled():
    import pymc as pm

    fixed = Prior("constant", value=0.7)
    with pm.Model(coords={"task": ["a", "b"]}) as model:
        to_pymc(fixed, "x", dims="task")
    assert model.free_RVs == []
    assert model["x"].eval().tolist() == [0.7, 0.7]
    assert (draw(fixed, np.random.default_rng(0), (3, 2)) == 0.7).all()
    assert quantile(fixed, 0.05) == quantile(fixed, 0.95) == 0.7


@pytest.mark.parametrize("name", [n for n, p in PRIORS.items() if "upper95" in p.numbers])
def test_stated_quantiles_are_those_of_the_draws(name):
    prior = PRIORS[name]
    values = draw(prior, np.random.default_rng(1), DRAWS)
    error = 4 * np.sqrt(0.05 * 0.95 / DRAWS)  # four binomial standard errors of a share
    assert (values > prior.numbers["upper95"]).mean() == pytest.approx(0.05, abs=error)
    if "median" in prior.numbers:
        error = 4 * 0.5 / np.sqrt(DRAWS)
        assert (values > prior.numbers["median"]).mean() == pytest.approx(0.5, abs=error)


@pytest.mark.parametrize("name", SCIPY)
def test_draws_follow_the_named_distribution(name):
    values = draw(PRIORS[name], np.random.default_rng(2), 5000)
    assert stats.kstest(values, SCIPY[name].cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", PRIORS)
def test_pymc_and_numpy_hold_the_same_distribution(name):
    import pymc as pm

    values = draw(PRIORS[name], np.random.default_rng(3), 5000)
    with pm.Model():
        variable = to_pymc(PRIORS[name], "x")
    by_pymc = pm.logcdf(variable, values).eval(mode="FAST_COMPILE") if name != "logitnormal" else None
    if by_pymc is None:  # PyMC has no logcdf here: use that its logit is normal
        n = natural(PRIORS[name])
        density = pm.logp(variable, values).eval(mode="FAST_COMPILE")
        logit = np.log(values) - np.log1p(-values)
        expected = stats.norm.logpdf(logit, n["mu"], n["sigma"]) - np.log(values * (1 - values))
        np.testing.assert_allclose(density, expected, rtol=1e-8, atol=1e-8)
        by_pymc = stats.norm.logcdf(logit, n["mu"], n["sigma"])
    assert stats.kstest(np.exp(by_pymc), "uniform").pvalue > 1e-4


def test_draws_have_the_asked_shape_and_support():
    for prior in PRIORS.values():
        assert draw(prior, np.random.default_rng(0), (7, 3)).shape == (7, 3)
    for name in ("lognormal", "halfnormal", "gamma", "exponential"):
        assert (draw(PRIORS[name], np.random.default_rng(0), 1000) > 0).all()


@pytest.mark.parametrize("name", PRIORS)
def test_quantiles_are_those_of_the_draws(name):
    values = draw(PRIORS[name], np.random.default_rng(2), DRAWS)
    for share in (0.05, 0.5, 0.95):
        error = 4 * np.sqrt(share * (1 - share) / DRAWS)
        assert (values < quantile(PRIORS[name], share)).mean() == pytest.approx(share, abs=error)
