"""The laws of any scale: against the published formulas, in their limits, with gradients; which column they read."""

import numpy as np
import pytest
import xarray as xr

from bayes_scaling import laws
from bayes_scaling.errors import CardError
from bayes_scaling.laws.backend import numpy_backend, pytensor_backend
from bayes_scaling.laws.base import REFERENCES
from bayes_scaling.laws.m4 import _logarithm, _solve
from bayes_scaling.model.priors import draw

NAMES = ["broken_power_law", "m1", "m2", "m3", "m4"]
XP = numpy_backend()
SCALE = np.logspace(16, 27, 45)


def sampled_of(law, draws, seed, *, spread=1.0):
    """Return draws of a law's parameters, shape (draw, 1), from its priors or nearer to their medians."""
    rng = np.random.default_rng(seed)
    made = {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}
    if spread == 1:
        return made
    middle = {p.name: p.prior.numbers["median"] for p in law.parameters}
    return {k: middle[k] * (v / middle[k]) ** spread for k, v in made.items()}


# ---- the formulas -------------------------------------------------------------------------


def published_excess(name, x, y, p):
    """Return how far a loss is from solving the formula as the paper writes it, relative to its own size."""
    if name == "broken_power_law":
        factor = (1 + (x / p["d1"]) ** (1 / p["f1"])) ** (-p["c1"] * p["f1"])
        return y / (p["a"] + p["b"] * x ** -p["c0"] * factor) - 1
    if name == "m1":
        return y / (p["beta"] * x ** p["c"]) - 1
    if name == "m2":
        return y / (p["E"] + p["beta"] * x ** p["c"]) - 1
    if name == "m3":
        return y / (p["beta"] * (1 / x + p["gamma"]) ** -p["c"]) - 1
    return (y - p["E"]) / (p["e0"] - y) ** p["a"] / (p["beta"] * x ** p["c"]) - 1


@pytest.mark.parametrize("name", NAMES)
def test_ours_is_the_published_formula(name):
    law = laws.get(name)
    sampled = sampled_of(law, 300, 1, spread=0.4)
    published = law.to_published(XP, **sampled)
    assert set(published) == set(law.published_symbols)
    x = np.logspace(19, 23, 30)
    y = law.mean(XP, scale=x, **sampled)
    with np.errstate(all="ignore"):  # the literal form over- and underflows where ours does not
        excess = published_excess(name, x, y, published)
    if name == "m4":  # e0 - y and y - E cancel at the ends; the middle is compared
        left = (y - published["E"]) / (published["e0"] - published["E"])
        excess = excess[(left > 1e-3) & (left < 1 - 1e-3)]
        assert excess.size > 3000
    assert np.isfinite(excess).mean() > 0.99
    np.testing.assert_allclose(excess[np.isfinite(excess)], 0, atol=1e-9)


@pytest.mark.parametrize("name", ["m1", "m2", "m3", "m4"])
def test_signs_are_those_of_the_paper(name):
    published = laws.get(name).to_published(XP, **sampled_of(laws.get(name), 50, 2))
    assert (published["c"] < 0).all()
    assert all((value > 0).all() for key, value in published.items() if key != "c")


@pytest.mark.parametrize("name", NAMES)
def test_sampled_names_mean_what_they_say(name):
    law = laws.get(name)
    sampled = sampled_of(law, 200, 3)
    at_reference = law.mean(XP, scale=np.array([law.reference["scale"]]), **sampled)
    expected = {
        "broken_power_law": lambda p: p["E"] + p["A_ref"],
        "m1": lambda p: p["L_ref"],
        "m2": lambda p: p["E"] + p["A_ref"],
        "m3": lambda p: p["L_ref"],
        "m4": lambda p: p["e0"] * (p["E_share"] + (1 - p["E_share"]) * p["left_ref"]),
    }[name](sampled)
    np.testing.assert_allclose(at_reference, expected, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_positive_fall_and_stay_in_their_limits(name):
    law = laws.get(name)
    sampled = sampled_of(law, 500, 4)
    loss = law.mean(XP, scale=SCALE, **sampled)
    assert np.isfinite(loss).all()
    assert (loss > 0).all()
    assert (np.diff(loss, axis=1) <= 1e-12 * loss[:, :-1]).all()
    published = law.to_published(XP, **sampled)
    floor = published.get("E", published.get("a", 0) if name == "broken_power_law" else 0)
    assert (loss >= floor).all()
    if name == "m4":
        assert (published["E"] < published["e0"]).all()
        assert (loss <= published["e0"] * (1 + 1e-12)).all()


@pytest.mark.parametrize("name", NAMES)
def test_priors_suit_a_loss_of_order_one(name):
    law = laws.get(name)
    sampled = sampled_of(law, 4000, 5)
    low, high = np.quantile(law.mean(XP, scale=np.array([law.reference["scale"]]), **sampled), [0.05, 0.95])
    assert 0.1 < low < 0.5
    assert 2 < high < 5


def test_the_exponent_at_a_scale_is_the_slope_of_the_reducible_loss():
    law = laws.get("broken_power_law").reading(scale="tokens")
    sampled = sampled_of(law, 200, 6, spread=0.4)
    x, step = np.logspace(7, 14, 12), 1e-5
    up, down = (np.log(law.mean(XP, scale=x * np.exp(s), **sampled) - sampled["E"]) for s in (step, -step))
    found = law.exponent_at(XP, scale=x, **sampled)
    np.testing.assert_allclose(found, -(up - down) / (2 * step), rtol=1e-4)
    place = law.break_scale(XP, **sampled)
    np.testing.assert_allclose(place, law.to_published(XP, **sampled)["d1"])
    between = law.exponent_at(XP, scale=place, **sampled)
    np.testing.assert_allclose(between, (sampled["alpha_0"] + sampled["alpha_1"]) / 2, rtol=1e-9)
    assert law.quantity("exponent_at").asked[0].column == "tokens", "asked where the law reads its scale"
    assert laws.get("broken_power_law").quantity("exponent_at").asked[0].column == "compute"


def test_the_dimension_of_an_exponent_of_compute_is_half_that_of_data():
    of_compute, of_data = laws.get("m2"), laws.get("m2").reading(scale="tokens")
    assert of_data.intrinsic_dimension(XP, alpha=0.2) == pytest.approx(20)
    assert of_compute.intrinsic_dimension(XP, alpha=0.1) == pytest.approx(20)


# ---- two back ends, gradients -------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled():
    """Per law: a function of scale and parameters that returns the loss and the gradients of its sum."""
    import pytensor
    import pytensor.tensor as pt

    made = {}
    for name in NAMES:
        law = laws.get(name)
        symbols = {"scale": pt.vector("scale"), **{p.name: pt.matrix(p.name) for p in law.parameters}}
        broad = {k: v if k == "scale" else pt.specify_broadcastable(v, 1) for k, v in symbols.items()}
        loss = law.mean(pytensor_backend(), **broad)
        gradients = pytensor.grad(loss.sum(), [symbols[p.name] for p in law.parameters])
        made[name] = pytensor.function(list(symbols.values()), [loss, *gradients], mode="FAST_COMPILE")
    return made


@pytest.mark.parametrize("name", NAMES)
def test_both_back_ends_agree_and_gradients_are_finite(name, compiled):
    law = laws.get(name)
    sampled = sampled_of(law, 400, 6)
    loss, *gradients = compiled[name](SCALE, *sampled.values())
    np.testing.assert_allclose(loss, law.mean(XP, scale=SCALE, **sampled), rtol=1e-12)
    for parameter, gradient in zip(sampled, gradients, strict=True):
        assert np.isfinite(gradient).all(), parameter


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name, compiled):
    law = laws.get(name)
    sampled = sampled_of(law, 60, 7, spread=0.6)
    x = np.logspace(18, 24, 12)
    _, *gradients = compiled[name](x, *sampled.values())
    for parameter, gradient in zip(sampled, gradients, strict=True):
        value = sampled[parameter]
        step = 1e-5 * np.minimum(value, 1 - value) if parameter in ("E_share", "left_ref") else 1e-5 * value
        ends = [law.mean(XP, scale=x, **{**sampled, parameter: value + s * step}).sum(axis=1) for s in (1, -1)]
        difference = (ends[0] - ends[1])[:, None] / (2 * step)
        size = np.abs(gradient) + law.mean(XP, scale=x, **sampled).max(axis=1)[:, None]
        np.testing.assert_allclose(gradient / size, difference / size, atol=2e-6, err_msg=parameter)


@pytest.mark.parametrize("name", NAMES)
def test_published_constants_of_draws_with_named_dimensions(name):
    law = laws.get(name)
    rng = np.random.default_rng(8)
    sampled = {p.name: xr.DataArray(draw(p.prior, rng, 20), dims="draw") for p in law.parameters}
    first = next(iter(sampled))
    sampled[first] = sampled[first].expand_dims(family=3)
    published = law.to_published(XP, **sampled)
    assert any(value.sizes.get("family") == 3 for value in published.values())


# ---- limits -------------------------------------------------------------------------------


@pytest.mark.parametrize(("break_ratio", "which"), [(1e12, "alpha_0"), (1e-12, "alpha_1")])
def test_a_break_far_away_leaves_a_power_law(break_ratio, which):
    law = laws.get("broken_power_law")
    sampled = {"E": 0.3, "A_ref": 0.5, "alpha_0": 0.1, "alpha_1": 0.4}
    loss = law.mean(XP, scale=SCALE, **sampled, break_ratio=break_ratio, smoothness=0.5)
    plain = laws.get("m2").mean(XP, scale=SCALE, E=0.3, A_ref=0.5, alpha=sampled[which])
    np.testing.assert_allclose(loss, plain, rtol=1e-9)


def test_a_sharp_break_joins_two_power_laws():
    law = laws.get("broken_power_law")
    sampled = {"E": 0.0, "A_ref": 0.5, "alpha_0": 0.1, "alpha_1": 0.4, "break_ratio": 10.0}
    loss = law.mean(XP, scale=SCALE, **sampled, smoothness=1e-6)
    u = SCALE / 1e21
    np.testing.assert_allclose(loss, 0.5 * np.where(u < 10, u**-0.1, 10**-0.1 * (u / 10) ** -0.4), rtol=1e-6)


def test_m2_is_the_power_law_of_compute():
    sampled = {"E": 0.3, "A_ref": 0.5, "alpha": 0.2}
    m2 = laws.get("m2").mean(XP, scale=SCALE, **sampled)
    np.testing.assert_array_equal(m2, laws.get("power_law").mean(XP, compute=SCALE, **sampled))


def test_m3_falls_like_m1_and_then_levels_off():
    law = laws.get("m3")
    sampled = {"L_ref": 0.8, "alpha": 0.3}
    early = law.mean(XP, scale=SCALE, **sampled, saturation_ratio=1e30)
    np.testing.assert_allclose(early, laws.get("m1").mean(XP, scale=SCALE, **sampled), rtol=1e-9)
    level = law.mean(XP, scale=np.array([1e60, 1e80]), **sampled, saturation_ratio=10.0)
    np.testing.assert_allclose(level, 0.8 * (0.1 / 1.1) ** 0.3, rtol=1e-12)


def m4_share(scale, a, *, left=0.4, alpha=0.3):
    """Return the share of the reducible loss that is left, and w = beta x^c / (e0 - E)^(1 - a)."""
    share = laws.get("m4").mean(XP, scale=scale, e0=1.0, E_share=0.0, left_ref=left, alpha=alpha, a=a)
    return share, left / (1 - left) ** a * (scale / 1e21) ** -alpha


@pytest.mark.parametrize(
    ("a", "closed"),
    [
        (1.0, lambda w: w / (1 + w)),
        (2.0, lambda w: 2 * w / (1 + 2 * w + np.sqrt(1 + 4 * w))),
        (0.5, lambda w: 2 / (1 + np.sqrt(1 + 4 / w**2))),
    ],
)
def test_m4_where_it_has_a_closed_form(a, closed):
    share, w = m4_share(SCALE, a)
    np.testing.assert_allclose(share, closed(w), rtol=1e-12)


def test_m4_without_shape_is_m2():
    share, _ = m4_share(SCALE[SCALE > 1e21], 1e-9, left=0.4)
    plain = laws.get("m2").mean(XP, scale=SCALE[SCALE > 1e21], E=0.0, A_ref=0.4, alpha=0.3)
    np.testing.assert_allclose(share, plain, rtol=1e-8)


@pytest.mark.parametrize("power", [0.05, 0.3, 0.9, 1.0, 1.1, 4.0, 20.0, 0.005, 200.0])
def test_m4_is_solved_for_every_shape_and_level(power):
    # t from z, where z was made from a known t: over all t that leave a trace in a float, and far beyond.
    t = np.concatenate([np.linspace(-700, 700, 20001), np.linspace(-20, 20, 20001)])
    z = _logarithm(XP, t, power)
    found = _solve(XP, z, power)
    rounding = np.abs(z) * 2e-15 / min(power, 1) + 1e-14  # what z itself loses in a float, seen in t
    assert (np.abs(found - t) < np.maximum(1e-12 * np.maximum(1, np.abs(t)), rounding)).all()
    residual = np.abs(_logarithm(XP, found, power) - z)
    assert (residual <= 1e-12 * np.maximum(1, np.abs(z))).all()


def test_m4_has_exact_first_and_second_derivatives():
    import pytensor
    import pytensor.tensor as pt

    z, a = pt.vector("z"), pt.vector("a")
    t = _solve(pytensor_backend(), z, a)
    first = pytensor.grad(t.sum(), [z, a])
    second = [pytensor.grad(first[0].sum(), z), pytensor.grad(first[1].sum(), a)]
    rng = np.random.default_rng(9)
    at, shape = rng.uniform(-20, 20, 2000), np.exp(rng.uniform(np.log(0.05), np.log(20), 2000))
    t, *found = pytensor.function([z, a], [t, *first, *second], mode="FAST_COMPILE")(at, shape)
    s = 1 / (1 + np.exp(-t))  # from differentiating t + (a - 1) softplus(t) = z twice
    bend, slope = (shape - 1) * s * (1 - s), 1 + (shape - 1) * s
    by_z, by_a = 1 / slope, -np.logaddexp(0, t) / slope
    expected = (by_z, by_a, -bend * by_z**3, -(2 * s * by_a + bend * by_a**2) / slope)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


# ---- which column is read -----------------------------------------------------------------


def test_a_scale_is_compute_unless_said_otherwise():
    for name in NAMES:
        item = laws.get(name).inputs[0]
        assert (item.name, item.column, item.unit, item.reference) == ("scale", "compute", "FLOP", 1e21)
        assert laws.get(name).readings() == {}
    assert [i.column for i in laws.get("chinchilla").inputs] == ["params", "tokens"]


def test_usual_references_are_those_of_the_shipped_laws():
    for name in laws.available():
        if laws.get(name).outcome == "loss":
            usual = [item for item in laws.get(name).inputs if item.column in REFERENCES]
            assert all(item.reference == REFERENCES[item.column] for item in usual)


@pytest.mark.parametrize("column", ["params", "tokens"])
def test_reading_another_column_brings_its_unit_and_reference(column):
    law = laws.get("m2")
    other = law.reading(scale=column)
    assert (other.inputs[0].name, other.inputs[0].column, other.inputs[0].unit) == ("scale", column, "count")
    assert other.reference == {"scale": REFERENCES[column]}
    assert other.readings() == {"scale": column}
    assert (law.inputs[0].column, law.reference) == ("compute", {"scale": 1e21}), "reading() changed its law"
    back = other.reading(scale="compute")
    assert (back.readings(), back.reference, back.inputs) == ({}, {"scale": 1e21}, law.inputs)
    told = other.as_dict()["inputs"][0]
    assert (told["name"], told["column"], told["reference"]) == ("scale", column, REFERENCES[column])


def test_a_column_without_a_usual_reference_needs_one():
    law = laws.get("m4")
    with pytest.raises(CardError, match=r"'seen'.*no usual reference.*reference = \{ scale = ... \}"):
        law.reading(scale="seen")
    other = law.reading(scale="seen", reference={"scale": 1e8})
    assert other.reference == {"scale": 1e8}
    assert other.at(scale=1e9).inputs[0].column == "seen"
    assert other.reading(scale="seen").reference == {"scale": 1e8}, "the same column keeps its reference"
    with pytest.raises(CardError, match="positive"):
        law.reading(scale="step", reference={"scale": 0.0})


def test_inputs_of_other_laws_may_be_read_elsewhere():
    law = laws.get("chinchilla").at(tokens=1e10).reading(params="active_params")
    assert [i.column for i in law.inputs] == ["active_params", "tokens"]
    assert law.reference == {"params": 1e9, "tokens": 1e10}


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("m2", {"scal": "tokens"}, r"no input 'scal'.*Did you mean 'scale'"),
        ("m2", {"scale": "token"}, r"cannot read column 'token'.*Did you mean 'tokens'"),
        ("m2", {"scale": "family"}, r"cannot read column 'family'"),
        ("m2", {"scale": "loss"}, r"cannot read column 'loss'"),
        ("chinchilla", {"params": "tokens"}, r"several inputs read column tokens"),
        ("sigmoid", {"chance": "tokens"}, r"no input 'chance'"),
    ],
)
def test_what_cannot_be_read_is_refused(name, columns, message):
    with pytest.raises(CardError, match=message):
        laws.get(name).reading(**columns)
