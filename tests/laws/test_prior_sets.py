"""Prior sets: data beside a law, chosen by name, some with a number or a tie of exponents."""

import numpy as np
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError
from bayes_scaling.laws import Argument, Prior, PriorSet
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.prior_sets import chosen_set
from bayes_scaling.model import make_spec, spec_from_dict
from bayes_scaling.model.prior_sets import set_label, with_prior_set

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
        make_spec("power_law", prior_set="symmetric")
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
