"""The base class of laws refuses what does not fit together, and says what would."""

import numpy as np
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError
from bayes_scaling.laws import Citation, Input, Law, Parameter, Prior

ALPHA = Parameter("alpha", "a", "exponent", "positive", "exponent", Prior("lognormal", median=0.3, upper95=0.6))
ABOUT = {
    "name": "own", "title": "own", "formula": "x", "citation": Citation("A", 2024, "T"), "outcome": "loss",
    "inputs": (Input("compute", "FLOP", "compute", reference=1e21),), "parameters": (ALPHA,),
}  # fmt: skip


def mean(self, xp, *, compute, alpha):
    return xp.power(compute / self.reference["compute"], -alpha)


@pytest.fixture
def own():
    """A law of one's own, forgotten after the test."""
    law = laws.register(type("Own", (Law,), {**ABOUT, "mean": mean}))
    yield law
    laws._REGISTERED.pop("own", None)


def test_a_registered_law_is_known_by_its_name(own):
    assert "own" in laws.available()
    assert isinstance(laws.get("own"), own)


def test_a_shipped_name_cannot_be_taken():
    with pytest.raises(CardError, match="shipped already"):
        laws.register(type("Own", (Law,), {**ABOUT, "name": "chinchilla", "mean": mean}))
    assert type(laws.get("chinchilla")).__name__ == "Chinchilla"


def test_formula_and_declared_parameters_must_agree():
    def more(self, xp, *, compute, alpha, beta):
        return alpha

    with pytest.raises(TypeError, match=r"only declared: none; only in the formula: beta"):
        type("Bad", (Law,), {**ABOUT, "mean": more})

    def less(self, xp, *, compute):
        return compute

    with pytest.raises(TypeError, match=r"only declared: alpha; only in the formula: none"):
        type("Bad", (Law,), {**ABOUT, "mean": less})


def test_a_law_without_a_formula_is_refused():
    with pytest.raises(TypeError, match="mean"):
        type("Bad", (Law,), ABOUT)


def test_unknown_law_suggests_the_nearest():
    with pytest.raises(CardError, match=r"unknown law 'chinchila'.*Did you mean 'chinchilla'\?"):
        laws.get("chinchila")


def test_a_law_is_returned_as_it_is():
    law = laws.get("kaplan").at(params=1e8)
    assert laws.get(law) is law


def test_reference_is_changed_by_name_only():
    law = laws.get("chinchilla").at(params=1e8)
    assert law.reference == {"params": 1e8, "tokens": 2e10}
    with pytest.raises(CardError, match=r"'parms'.*Did you mean 'params'\?"):
        laws.get("chinchilla").at(parms=1e8)
    for bad in (0, -1.0, float("nan")):
        with pytest.raises(CardError, match="positive"):
            laws.get("chinchilla").at(params=bad)


def test_unknown_parameter_and_constants_suggest_the_nearest():
    with pytest.raises(CardError, match=r"no parameter 'alhpa'.*Did you mean 'alpha'\?"):
        laws.get("chinchilla").parameter("alhpa")
    with pytest.raises(CardError, match=r"'besiroglu'.*Did you mean 'besiroglu2024'\?"):
        laws.get("chinchilla").constants("besiroglu")


@pytest.mark.parametrize(("change", "found"), [({"support": "integer"}, "'integer'"), ({"role": "magic"}, "'magic'")])
def test_a_parameter_needs_a_known_support_and_role(change, found):
    given = {"support": "positive", "role": "exponent", **change}
    with pytest.raises(CardError, match=found):
        Parameter("alpha", "a", "m", prior=ALPHA.prior, **given)


@pytest.mark.parametrize(
    ("dist", "numbers", "message"),
    [
        ("lognormel", {"median": 1, "upper95": 2}, r"Did you mean 'lognormal'\?"),
        ("lognormal", {"median": 1}, "takes median, upper95"),
        ("lognormal", {"median": 1, "upper95": 2, "sd": 1}, "takes median, upper95"),
        ("lognormal", {"median": 2, "upper95": 1}, "larger"),
        ("lognormal", {"median": -1, "upper95": 1}, "positive"),
        ("halfnormal", {"upper95": 0}, "positive"),
        ("normal", {"mean": 0, "sd": -1}, "sd"),
        ("normal", {"mean": float("nan"), "sd": 1}, "finite|number"),
        ("normal", {"mean": "zero", "sd": 1}, "number"),
        ("beta", {"alpha": -1, "beta": 1}, "positive"),
        ("uniform", {"lower": 1, "upper": 1}, "larger"),
        ("logitnormal", {"median": 0.5, "upper95": 1.2}, "between 0 and 1"),
    ],
)
def test_a_prior_that_cannot_be_is_refused(dist, numbers, message):
    with pytest.raises(CardError, match=message):
        Prior(dist, **numbers)


def test_a_prior_is_plain_data():
    prior = Prior("lognormal", median=0.35, upper95=0.7)
    assert Prior.from_dict(prior.as_dict()) == prior
    assert hash(Prior.from_dict(prior.as_dict())) == hash(prior)
    assert prior != Prior("lognormal", median=0.35, upper95=0.8)
    with pytest.raises(CardError, match="dist"):
        Prior.from_dict({"median": 0.35})


def test_another_form_keeps_reference_and_readings():
    forms = {
        "capability": {"product": False}, "data_filtering": {"pools": ["a", "b"]}, "model_collapse": {"cut": "rank"},
        "own_share": {"own": "code"}, "transfer": {"languages": ["de"]}, "vocabulary": {"offset": 8.0},
        "chinchilla": {"exponents": "equal"},
    }  # fmt: skip
    for name, options in forms.items():
        law = laws.get(name)
        first = next(iter(law.reference))
        moved = law.at(**{first: 7 * law.reference[first]})
        assert moved.with_options(**options).reference[first] == moved.reference[first], name
        read = law.reading(**{first: "active_params"}, reference={first: 3e8}).with_options(**options)
        assert (read.readings(), read.reference[first]) == ({first: "active_params"}, 3e8), name
    tokens = laws.get("model_collapse").at(source=1e9)
    assert tokens.with_options().reference["source"] == 1e9
    assert tokens.with_options(cut="rank").reference["source"] == 1e5, "tokens and ranks are no one scale"


@pytest.mark.parametrize("name", ["data_steps", "routed_floor"])
def test_examples_move_with_the_reference(name):
    law = laws.get(name)
    first = next(iter(law.reference))
    near, far = (np.array(one.example()[first]) for one in (law, law.at(**{first: 1000 * law.reference[first]})))
    np.testing.assert_allclose(far, 1000 * near)
