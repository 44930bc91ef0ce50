"""Fitted constants beside published ones: of the population, of a level, and what is missing."""

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling import laws
from bayes_scaling.compare import beside_published
from bayes_scaling.errors import CardError, ForecastError
from bayes_scaling.model import make_spec

DRAWS = 400


def fit_near(constants, *, sd=0.01, **model):
    """Return a fit of Chinchilla's law whose draws lie about published constants."""
    rng = np.random.default_rng(3)
    at = laws.get("chinchilla").constants(constants)
    values = {name: value * np.exp(sd * rng.standard_normal(DRAWS)) for name, value in at.items()}
    return simulated.fit_of(make_spec("chinchilla", **model), simulated.ladder(per_family=4), values)


def test_what_lies_inside_and_outside():
    fit = fit_near("besiroglu2024")
    own = beside_published(fit, "besiroglu2024").set_index("parameter")
    assert own["inside"].tolist() == [True] * 5
    other = beside_published(fit, "hoffmann2022").set_index("parameter")
    assert list(other.index) == ["E", "A", "alpha", "B", "beta"]
    assert not other["inside"]["E"]
    assert not other["inside"]["beta"]
    np.testing.assert_array_equal(other["median"], own["median"])
    low, middle, high = np.quantile(fit.values()["A"], [0.05, 0.5, 0.95])
    np.testing.assert_allclose(own.loc["A", ["lower", "median", "upper"]].astype(float), [low, middle, high])
    assert set(own["interval"]) == {"eti"}


def test_nothing_published():
    made = beside_published(fit_near("besiroglu2024"))
    assert made["published"].isna().all()
    assert made["inside"].isna().all()
    assert made["median"].notna().all()


def test_of_a_level():
    """Levels of their own and effects about the population are both told where they are asked for."""
    rng = np.random.default_rng(4)
    floors = np.array([1.6, 1.7, 1.85])
    own = floors * np.exp(0.001 * rng.standard_normal((DRAWS, 3)))
    spec = make_spec("chinchilla", groups=["family"], pooling={"E": {"family": "none"}})
    fit = simulated.fit_of(spec, simulated.ladder(per_family=4), {"E": own})
    with pytest.raises(ForecastError, match="levels of its own"):
        beside_published(fit)
    for name, floor in zip(("ant", "bee", "cat"), floors, strict=True):
        found = beside_published(fit, at={"family": name}).set_index("parameter")
        assert found["median"]["E"] == pytest.approx(floor, rel=1e-3)
    effect = np.array([0.1, 0.0, -0.1]) + 1e-4 * rng.standard_normal((DRAWS, 3))
    spec = make_spec("chinchilla", groups=["family"], pooling={"E": {"family": "partial"}})
    values = {"E": 1.7 * np.exp(1e-4 * rng.standard_normal(DRAWS)), "E_family_effect": effect}
    fit = simulated.fit_of(spec, simulated.ladder(per_family=4), values)
    population = beside_published(fit).set_index("parameter")["median"]["E"]
    ant = beside_published(fit, at={"family": "ant"}).set_index("parameter")["median"]["E"]
    assert population == pytest.approx(1.7, rel=1e-3)
    assert ant == pytest.approx(1.7 * np.exp(0.1), rel=1e-3)


def test_constants_that_state_only_some_parameters():
    law = laws.get("step_law")
    frame = pd.DataFrame(law.example(12)).assign(loss=np.linspace(2, 3, 12))
    made = beside_published(simulated.fit_of(make_spec(law), frame), "li2025").set_index("parameter")
    stated = made["published"].notna()
    assert set(made.index[stated]) == {"c", "a", "b", "k", "g"}
    assert made["inside"].notna().equals(stated)


def test_names_that_are_not_there():
    fit = fit_near("besiroglu2024", groups=["family"], pooling={"E": {"family": "partial"}})
    with pytest.raises(CardError, match="Did you mean 'hoffmann2022'"):
        beside_published(fit, "hoffmann")
    with pytest.raises(ForecastError, match=r"family 'ent' was not fitted.*Did you mean 'ant'"):
        beside_published(fit, at={"family": "ent"})
    with pytest.raises(ForecastError, match="no group 'task'"):
        beside_published(fit, at={"task": "ant"})
    with pytest.raises(ForecastError, match="level"):
        beside_published(fit, level=90)
