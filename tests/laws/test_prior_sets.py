"""Prior sets: data beside a law, chosen by name, some with a number or a tie of exponents."""

import numpy as np
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError
from bayes_scaling.laws import Argument, Prior, PriorSet
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.prior_sets import chosen_set
from bayes_scaling.model import make_spec, spec_from_dict
from bayes_scaling.model.prior_sets import compared_sets, set_label, with_prior_set
from bayes_scaling.model.priors import quantile

XP = numpy_backend()
WITH_SETS = [name for name in laws.available() if laws.get(name).prior_sets]
SAMPLED = {"E": 1.7, "A_ref": 0.4, "alpha": 0.3, "B_ref": 0.5}


def tied(tie):
    return laws.get("chinchilla").with_options(exponents=tie)


@pytest.mark.parametrize("name", WITH_SETS)
def test_every_set_says_what_it_assumes_and_where_it_comes_from(name):
    law = laws.get(name)
    parameters = {p.name for p in law.parameters}
    for key, found in law.prior_sets.items():
        assert found.meaning.endswith("."), key
        assert "arXiv:" in found.source, key
        assert set(found.priors) <= parameters
        assert found.priors or found.options
        law.with_options(**found.options)
        assert law.as_dict()["prior_sets"][key]["source"] == found.source


def test_the_intrinsic_dimension_sets_both_exponents_to_four_over_it():
    spec = make_spec("chinchilla", prior_set={"intrinsic_dimension": 40})
    for name in ("alpha", "beta"):
        numbers = spec.prior(spec.law.parameter(name)).numbers
        assert numbers["median"] == pytest.approx(4 / 40)
        assert numbers["upper95"] == pytest.approx(6 / 40)
    assert spec.prior(spec.law.parameter("E")) == spec.law.parameter("E").prior


def test_superposition_has_an_exponent_of_one_in_the_width():
    usual, cube = (make_spec("chinchilla", prior_set=s) for s in ("superposition", {"superposition": 3}))
    medians = [s.prior(s.law.parameter("alpha")).numbers["median"] for s in (usual, cube)]
    np.testing.assert_allclose(medians, [1 / 2.52, 1 / 3], rtol=1e-12)


def test_own_priors_go_before_those_of_the_set():
    own = Prior("lognormal", median=0.2, upper95=0.3)
    spec = make_spec("chinchilla", prior_set="one_half", priors={"alpha": own})
    assert spec.prior(spec.law.parameter("alpha")) == own
    assert spec.prior(spec.law.parameter("beta")).numbers["median"] == 0.5
    assert set_label(spec) == "one_half, own alpha"
    other = with_prior_set(spec, "superposition")
    assert other.prior(spec.law.parameter("alpha")).numbers["median"] == pytest.approx(1 / 2.52), "a set compared"


@pytest.mark.parametrize(("tie", "beta"), [("equal", 0.3), ("quanta", 0.3 / 1.3)])
def test_a_tie_is_the_law_with_that_exponent_of_tokens(tie, beta):
    free, law = laws.get("chinchilla"), tied(tie)
    assert [p.name for p in law.parameters] == ["E", "A_ref", "alpha", "B_ref"]
    at = {"params": np.array([1e8, 7e10]), "tokens": np.array([1e11, 1e12])}
    np.testing.assert_array_equal(law.mean(XP, **at, **SAMPLED), free.mean(XP, **at, **SAMPLED, beta=beta))
    assert law.to_published(XP, **SAMPLED) == free.to_published(XP, **SAMPLED, beta=beta)
    product = np.array([1e20, 1e23])
    split, expected = law.allocation(XP, product=product, **SAMPLED), free.allocation(
        XP, product=product, **SAMPLED, beta=beta
    )  # fmt: skip
    np.testing.assert_allclose(split["params"], expected["params"], rtol=1e-12)
    assert law.at_constants("hoffmann2022", **at) == pytest.approx(free.at_constants("hoffmann2022", **at))


REPEATED = {"unique_tokens": np.array([1e10, 1e11]), "R_D": 15.0, "R_N": 5.0}
SHORT = {**REPEATED, "C_ref": 0.05, "gamma": 0.7}


@pytest.mark.parametrize(("name", "more"), [("data_constrained", REPEATED), ("data_steps", SHORT)])
@pytest.mark.parametrize(("tie", "beta"), [("equal", 0.3), ("quanta", 0.3 / 1.3)])
def test_laws_of_repeated_data_have_the_same_ties(name, more, tie, beta):
    free = laws.get(name)
    law = free.at(params=3e9).with_options(exponents=tie)
    assert "beta" not in {p.name for p in law.parameters}
    at = {"params": np.array([1e8, 7e10]), "tokens": np.array([1e11, 1e12])}
    np.testing.assert_array_equal(
        law.mean(XP, **at, **SAMPLED, **more), free.at(params=3e9).mean(XP, **at, **SAMPLED, **more, beta=beta)
    )
    if name == "data_constrained":
        published = law.to_published(XP, **SAMPLED, R_D=15.0, R_N=5.0)
        assert published == free.at(params=3e9).to_published(XP, **SAMPLED, R_D=15.0, R_N=5.0, beta=beta)
    assert r"\beta" not in law.formula
    assert law.with_options(exponents="free").formula == free.formula


@pytest.mark.parametrize(("tie", "alpha_D"), [("equal", 0.08), ("quanta", 0.08 / 1.08)])
def test_kaplans_law_has_the_same_ties(tie, alpha_D):
    free, sampled = laws.get("kaplan"), {"L_N": 2.3, "alpha_N": 0.08, "L_D": 2.0}
    law = free.with_options(exponents=tie)
    at = {"params": np.array([1e8, 7e10]), "tokens": np.array([1e11, 1e12])}
    np.testing.assert_array_equal(law.mean(XP, **at, **sampled), free.mean(XP, **at, **sampled, alpha_D=alpha_D))
    assert law.to_published(XP, **sampled) == free.to_published(XP, **sampled, alpha_D=alpha_D)
    product = np.array([1e20, 1e23])
    split = law.allocation(XP, product=product, **sampled)
    np.testing.assert_array_equal(
        split["params"], free.allocation(XP, product=product, **sampled, alpha_D=alpha_D)["params"]
    )
    assert r"\alpha_D" not in law.formula


@pytest.mark.parametrize(
    ("name", "exponent", "share"),
    [("power_law", "alpha", 0.5), ("over_training", "eta", 0.5), ("kaplan", "alpha_D", 1), ("data_steps", "beta", 1)],
)
def test_a_dimension_speaks_of_size_and_data_and_of_compute_by_half(name, exponent, share):
    spec = make_spec(name, prior_set={"intrinsic_dimension": 20})
    assert spec.prior(spec.law.parameter(exponent)).numbers["median"] == pytest.approx(share * 4 / 20)


def test_half_the_exponent_is_that_of_compute_along_the_best_split():
    """Chinchilla's law with both exponents 4 / d, minimised at a budget: loss falls as compute to the power 2 / d."""
    law, d = tied("equal"), 16.0
    own = {**SAMPLED, "alpha": 4 / d}
    product = np.array([1e20, 1e24])
    params = law.allocation(XP, product=product, **own)["params"]
    reducible = law.mean(XP, params=params, tokens=product / params, **own) - own["E"]
    assert -np.diff(np.log(reducible)) / np.diff(np.log(product)) == pytest.approx(2 / d)


def test_sets_of_a_scale_speak_of_what_it_reads():
    for name, prior_set, column, exponent, median in (
        ("m2", "variance_limited", "tokens", "alpha", 1.0),
        ("m2", "variance_limited_width", "params", "alpha", 0.5),
        ("m2", {"variance_limited_width": 3}, "params", "alpha", 1 / 3),
        ("m1", "resolution_limited", "params", "alpha", 0.2),
        ("m3", {"intrinsic_dimension": 8}, "tokens", "alpha", 0.5),
        ("broken_power_law", "resolution_to_variance", "tokens", "alpha_0", 0.2),
        ("broken_power_law", "resolution_to_variance", "tokens", "alpha_1", 1.0),
    ):
        spec = make_spec(name, inputs={"scale": column}, prior_set=prior_set)
        assert spec.prior(spec.law.parameter(exponent)).numbers["median"] == pytest.approx(median)
        assert spec_from_dict(spec.as_dict()).prior_set == spec.prior_set
    with pytest.raises(CardError, match=r"variance_limited speaks of tokens.* reads compute.*scale = \"tokens\""):
        make_spec("m2", prior_set="variance_limited")
    with pytest.raises(CardError, match="variance_limited speaks of tokens"):
        with_prior_set(make_spec("m2", inputs={"scale": "params"}), "variance_limited")


def test_what_is_compared_unasked_speaks_of_what_is_read():
    of_data, of_size = (make_spec("m2", inputs={"scale": c}) for c in ("tokens", "params"))
    assert list(compared_sets(of_data, None)) == ["resolution_limited", "one_half", "variance_limited"]
    assert "variance_limited_width = 2" in compared_sets(of_size, None)
    assert "variance_limited" not in compared_sets(of_size, None)
    with pytest.raises(CardError, match="no prior set to compare with"):
        compared_sets(make_spec("m2"), None)


def test_the_range_of_an_unknown_dimension_is_as_stated():
    prior = laws.get("m2").prior_sets["resolution_limited"].priors["alpha"]
    assert [4 / quantile(prior, q) for q in (0.05, 0.95)] == pytest.approx([80, 5])


def test_equal_exponents_split_a_budget_in_proportion():
    assert tied("equal").allocation(XP, product=np.array([1e22]), **SAMPLED)["exponent"] == 0.5


def test_a_tie_keeps_the_reference_and_can_be_undone():
    spec = make_spec("chinchilla", reference={"params": 3e9}, groups=["family"], pooling={"beta": "partial"})
    equal = with_prior_set(spec, "symmetric")
    assert equal.law.reference == spec.law.reference
    assert "beta" not in {p.name for p in equal.parameters()} | set(equal.pooling)
    back = with_prior_set(equal, "declared")
    assert back.law.options == {}
    assert [p.name for p in back.law.parameters] == [p.name for p in spec.law.parameters]
    assert back.law.reference == spec.law.reference


@pytest.mark.parametrize("asked", ["symmetric", "superposition", {"superposition": 3.0}, {"intrinsic_dimension": 40.0}])
def test_a_specification_with_a_set_is_read_back_without_loss(asked):
    spec = make_spec("chinchilla", prior_set=asked)
    told = spec.as_dict()
    assert told["prior_set"] == asked
    assert "options" not in told, "a set's tie belongs to the set"
    again = spec_from_dict(told)
    assert again.as_dict() == told
    assert again.prior_set == spec.prior_set
    assert again.law.formula == spec.law.formula


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("symetric", "Did you mean 'symmetric'"),
        (3, "prior_set = 3"),
        ({}, "expected one set"),
        ({"symmetric": 1, "quanta": 1}, "expected one set"),
        ("intrinsic_dimension", "needs a positive number, the intrinsic dimension"),
        ({"intrinsic_dimension": "40"}, "found '40'"),
        ({"superposition": 0}, "found 0"),
        ({"symmetric": 2}, "takes no number"),
    ],
)
def test_a_set_that_is_not_there_is_refused(asked, message):
    with pytest.raises(CardError, match=message):
        make_spec("chinchilla", prior_set=asked)


def test_other_refusals():
    with pytest.raises(CardError, match="has none but its own"):
        make_spec("sigmoid", prior_set="symmetric")
    with pytest.raises(CardError, match="options say exponents = 'quanta'"):
        make_spec("chinchilla", prior_set="symmetric", options={"exponents": "quanta"})
    with pytest.raises(CardError, match=r"exponents = 'equals'.*Did you mean 'equal'"):
        make_spec("chinchilla", options={"exponents": "equals"})
    with pytest.raises(CardError, match=r"no option 'exponent'.*Did you mean 'exponents'"):
        make_spec("chinchilla", options={"exponent": "equal"})
    with pytest.raises(CardError, match="'beta', which law chinchilla"):
        make_spec("chinchilla", prior_set="symmetric", pooling={"beta": "partial"})
    with pytest.raises(CardError, match="can be multiplied"):
        PriorSet("A.", "B", {"a": Prior("beta", alpha=1, beta=1)}, argument=Argument("number"))


def test_the_declared_priors_are_no_set():
    assert chosen_set(laws.get("chinchilla"), "declared") is None
    assert make_spec("chinchilla", prior_set="declared").as_dict() == make_spec("chinchilla").as_dict()
