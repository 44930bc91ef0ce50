"""Every law: one formula in two back ends, its published constants, its limits, its density."""

import numpy as np
import pytest

from bayes_scaling import laws
from bayes_scaling.laws.backend import link, numpy_backend, pytensor_backend, unlink
from bayes_scaling.model.priors import draw

NAMES = ["chinchilla", "kaplan", "power_law", "sigmoid", "loss_exponential", "loss_sigmoid"]
XP = numpy_backend()
RANGES = {"params": (6, 13), "tokens": (8, 15), "compute": (16, 28), "loss": (0, 1)}  # decades


def random_inputs(law, rows, rng):
    """Return random inputs of a law, shape (row,)."""
    example = law.example(rows)
    return {
        i.name: 10 ** rng.uniform(*RANGES[i.column], rows) if i.column in RANGES else np.array(example[i.column])
        for i in law.inputs
    }


def prior_draws(law, draws, rng):
    """Return draws of a law's parameters from its priors, shape (draw, 1)."""
    return {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}


def test_the_laws_of_this_version_are_all_here():
    assert set(NAMES) <= set(laws.available())


@pytest.mark.parametrize("name", laws.available())
def test_numpy_and_pytensor_agree(name):
    import pytensor
    import pytensor.tensor as pt

    law, rng = laws.get(name), np.random.default_rng(1)
    inputs, parameters = random_inputs(law, 30, rng), prior_draws(law, 200, rng)
    symbols = {k: (pt.vector(k) if k in inputs else pt.matrix(k, shape=(None, 1))) for k in {**inputs, **parameters}}
    graph = law.mean(pytensor_backend(), **symbols)
    evaluate = pytensor.function(list(symbols.values()), graph, mode="FAST_COMPILE")
    expected = law.mean(XP, **inputs, **parameters)
    assert expected.shape == (200, 30)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(evaluate(*{**inputs, **parameters}.values()), expected, rtol=1e-10)


@pytest.mark.parametrize("name", laws.available())
def test_published_names_round_trip(name):
    law, rng = laws.get(name), np.random.default_rng(2)
    sampled = prior_draws(law, 500, rng)
    published = law.to_published(XP, **sampled)
    assert set(law.published_symbols) in (set(), set(published))
    back = law.from_published(XP, **published)
    for key, value in sampled.items():
        finite = np.isfinite(published.get(key, value))  # N_c overflows for alpha near 0
        with np.errstate(all="ignore"):
            good = finite & ((back[key] == value) | np.isfinite(np.log(np.abs(back[key]))))
        assert good.mean() > 0.99
        np.testing.assert_allclose(back[key][good], value[good], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_another_reference_leaves_the_law_unchanged(name):
    law, rng = laws.get(name), np.random.default_rng(3)
    inputs, sampled = random_inputs(law, 20, rng), prior_draws(law, 50, rng)
    other = law.at(**{k: v * 37.0 for k, v in law.reference.items()})
    moved = other.from_published(XP, **law.to_published(XP, **sampled))
    expected = law.mean(XP, **inputs, **sampled)
    np.testing.assert_allclose(other.mean(XP, **inputs, **moved), expected, rtol=1e-9)
    assert not np.allclose(other.mean(XP, **inputs, **sampled), expected, rtol=1e-3)
    assert law.reference == laws.get(name).reference, "at() must not change the law it was called on"


def test_chinchilla_constants():
    law, n, d = laws.get("chinchilla"), 70e9, 1.4e12
    hoffmann = 1.69 + 406.4 / n**0.34 + 410.7 / d**0.28
    besiroglu = 1.8172 + 482.01 / n**0.3478 + 2085.43 / d**0.3658
    assert law.at_constants("hoffmann2022", params=n, tokens=d) == pytest.approx(hoffmann, rel=1e-12)
    assert law.at_constants("besiroglu2024", params=n, tokens=d) == pytest.approx(besiroglu, rel=1e-12)
    assert hoffmann == pytest.approx(1.94, abs=0.01)  # Chinchilla's loss by its own paper, section D.3


def test_kaplan_constants():
    law, n, d = laws.get("kaplan"), 1.5e9, 2.3e10
    expected = ((6.4e13 / n) ** (0.076 / 0.103) + 1.8e13 / d) ** 0.103
    assert law.at_constants("kaplan2020", params=n, tokens=d) == pytest.approx(expected, rel=1e-12)
    unlimited = law.at_constants("kaplan2020", params=n, tokens=1e40)
    assert unlimited == pytest.approx((6.4e13 / n) ** 0.076, rel=1e-6)


def test_power_law_constants():
    law, pf_day = laws.get("power_law"), 1e15 * 24 * 3600
    compute = 1e3 * pf_day
    assert law.at_constants("kaplan2020", compute=compute) == pytest.approx((3.1e8 / 1e3) ** 0.050, rel=1e-12)
    assert law.at_constants("brown2020", compute=compute) == pytest.approx(2.57 * 1e3**-0.048, rel=1e-12)


def test_sigmoid_is_half_way_at_its_midpoint():
    law = laws.get("sigmoid")
    sampled = law.from_published(XP, C_50=3e24, slope=1.7, ceiling=0.8)
    accuracy = law.mean(XP, compute=np.array([3e24]), chance=np.array([0.25]), **sampled)
    assert accuracy == pytest.approx(0.25 + 0.75 * 0.8 / 2, rel=1e-12)
    tenfold = law.mean(XP, compute=np.array([3e25]), chance=np.array([0.25]), **sampled)
    assert tenfold == pytest.approx(0.25 + 0.75 * 0.8 / (1 + np.exp(-1.7)), rel=1e-12)


@pytest.mark.parametrize("name", ["chinchilla", "kaplan", "power_law"])
def test_loss_falls_with_every_input(name):
    law, rng = laws.get(name), np.random.default_rng(4)
    sampled = prior_draws(law, 100, rng)
    for item in law.inputs:
        fixed = {i.name: np.full(40, i.reference) for i in law.inputs}
        loss = law.mean(XP, **{**fixed, item.name: item.reference * np.logspace(-2, 2, 40)}, **sampled)
        assert (np.diff(loss, axis=1) <= 1e-12).all(), item.name  # one term may drown the other
        assert (np.diff(np.median(loss, axis=0)) < 0).all(), item.name


@pytest.mark.parametrize("name", ["chinchilla", "power_law"])
def test_unlimited_inputs_leave_the_floor(name):
    law = laws.get(name)
    sampled = {p.name: p.prior.numbers["median"] for p in law.parameters}
    far = {i.name: np.array([1e150]) for i in law.inputs}
    assert law.mean(XP, **far, **sampled) == pytest.approx(sampled["E"], rel=1e-6)


def test_exponential_of_loss_is_the_error_of_the_paper():
    law = laws.get("loss_exponential")
    loss = np.array([2.5, 3.0, 4.5])
    sampled = law.from_published(XP, epsilon=0.85, k=2.1, gamma=0.75)
    error = 1 - law.mean(XP, loss=loss, **sampled)
    np.testing.assert_allclose(error, 0.85 - 2.1 * np.exp(-0.75 * loss), rtol=1e-12)
    assert law.mean(XP, loss=np.array([0.01]), **sampled) == pytest.approx(1.0), "the paper's form would be beyond 1"


def test_sigmoid_of_loss_is_the_form_of_the_paper():
    law = laws.get("loss_sigmoid")
    loss = np.array([0.5, 2.7, 8.0])
    sampled = law.from_published(XP, a=-0.6, k=1.8, L_0=2.7, b=0.9)
    accuracy = law.mean(XP, loss=loss, **sampled)
    np.testing.assert_allclose(accuracy, -0.6 / (1 + np.exp(-1.8 * (loss - 2.7))) + 0.9, rtol=1e-12)
    assert accuracy[1] == pytest.approx(0.6), "half way between floor 0.3 and ceiling 0.9 at the inflection"


@pytest.mark.parametrize("name", ["loss_exponential", "loss_sigmoid"])
def test_accuracy_falls_with_loss_and_stays_a_fraction(name):
    law, rng = laws.get(name), np.random.default_rng(7)
    accuracy = law.mean(XP, loss=np.linspace(0.01, 20, 80), **prior_draws(law, 500, rng))
    assert (np.diff(accuracy, axis=1) <= 1e-12).all()
    assert (accuracy >= 0).all()
    assert (accuracy <= 1).all()


def test_sigmoid_stays_between_chance_and_ceiling():
    law, rng = laws.get("sigmoid"), np.random.default_rng(5)
    sampled = prior_draws(law, 200, rng)
    compute, chance = np.logspace(10, 40, 60), np.full(60, 0.25)
    accuracy = law.mean(XP, compute=compute, chance=chance, **sampled)
    assert (np.diff(accuracy, axis=1) >= 0).all()
    assert (accuracy >= 0.25).all()
    assert (accuracy <= 0.25 + 0.75 * sampled["ceiling"] + 1e-12).all()


@pytest.mark.parametrize("name", NAMES)
def test_priors_imply_plausible_outcomes_at_the_reference(name):
    law, rng = laws.get(name), np.random.default_rng(6)
    at = {i.name: np.array([i.reference or 0.25]) for i in law.inputs}
    value = law.mean(XP, **at, **prior_draws(law, 4000, rng))
    low, high = np.quantile(value, [0.05, 0.95])
    guessing = 0.25 if any(i.name == "chance" for i in law.inputs) else 0.05
    limits = (1.0, 6.0) if law.outcome == "loss" else (guessing, 1.0)
    assert limits[0] < low < high < limits[1]
    assert high - low > 0.2, "the prior must leave room for the data"


@pytest.mark.parametrize("support", ["real", "positive", "unit"])
def test_link_and_unlink_are_inverse(support):
    value = np.array([0.01, 0.3, 0.99])
    np.testing.assert_allclose(unlink(XP, support, link(XP, support, value)), value, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_every_law_describes_itself(name):
    law = laws.get(name)
    told = law.as_dict()
    assert told["name"] == name
    assert told["formula"]
    assert law.citation.arxiv in told["citation"]
    assert {i["name"] for i in told["inputs"]} == {i.name for i in law.inputs}
    assert all(i["unit"] for i in told["inputs"])
    assert all(p["meaning"] and p["symbol"] and p["prior"] for p in told["parameters"])
