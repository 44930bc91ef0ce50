"""Mixtures at scale: both forms of the paper, how they meet, best mixtures against brute force, bad input."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.priors import draw

XP = numpy_backend()
ADDITIVE = laws.get("mixture_scale")
JOINT = ADDITIVE.with_options(joint=True)
SHARES = {"p_web": np.array([0.2, 1.0]), "p_code": np.array([0.5, 0.0]), "p_books": np.array([0.3, 0.0])}
AT = {"params": np.array([1e8, 7e9]), "tokens": np.array([2e9, 1e12])}
HELP = {"C_web": 2.0, "C_code": 0.7, "C_books": 1.1, "gamma_web": 0.6, "gamma_code": 0.3, "gamma_books": 1.2}
CURVE = {"E": 1.1, "alpha": 0.34, "beta": 0.28}
BIAS = 1 / np.array([2 * 0.2**0.6 + 0.7 * 0.5**0.3 + 1.1 * 0.3**1.2, 2.0])


def sampled(law, draws, seed):
    """Return draws from the priors of a law, shape (draw, 1)."""
    rng = np.random.default_rng(seed)
    return {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}


def losses(law, shares, values, params=1e9, tokens=2e10):
    """Return losses at mixtures of shape (draw or 1, mixture, domain), shape (draw, mixture)."""
    mixture = {f"p_{d}": shares[..., j] for j, d in enumerate(law.domains)}
    return law.mean(XP, **mixture, params=params, tokens=tokens, **values)


def test_the_additive_form_of_the_paper():
    values = ADDITIVE.from_published(XP, **HELP, **CURVE, A=400.0, B=500.0)
    expected = 1.1 + BIAS + 400 / AT["params"] ** 0.34 + 500 / AT["tokens"] ** 0.28
    np.testing.assert_allclose(ADDITIVE.mean(XP, **SHARES, **AT, **values), expected, rtol=1e-12)
    even = {f"p_{d}": 1 / 3 for d in ADDITIVE.domains}
    each = [values[f"bias_{d}"] for d in ADDITIVE.domains]
    assert ADDITIVE.bias(XP, **even, **values) == pytest.approx(1 / sum(1 / b for b in each), rel=1e-12)


def test_the_joint_form_of_the_paper():
    size, data = {"web": 9e3, "code": 4e3, "books": 6e3}, {"web": 50.0, "code": 90.0, "books": 20.0}
    constants = {f"CA_{d}": v for d, v in size.items()} | {f"CB_{d}": v for d, v in data.items()}
    values = JOINT.from_published(XP, **HELP, **CURVE, **constants, power_A=0.7, power_B=1.6)
    a = np.array([9e3 * 0.2 + 4e3 * 0.5 + 6e3 * 0.3, 9e3]) ** 0.7
    b = np.array([50 * 0.2 + 90 * 0.5 + 20 * 0.3, 50]) ** 1.6
    expected = 1.1 + BIAS + a / AT["params"] ** 0.34 + b / AT["tokens"] ** 0.28
    np.testing.assert_allclose(JOINT.mean(XP, **SHARES, **AT, **values), expected, rtol=1e-12)
    back = JOINT.from_published(XP, **JOINT.to_published(XP, **values))
    for name, value in values.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-10)


def test_the_joint_law_with_equal_amplitudes_is_the_additive_one():
    values = sampled(JOINT, 40, 1)
    for letter in "AB":
        values |= {f"{letter}_ref_{d}": values[f"{letter}_ref_web"] for d in JOINT.domains}
    plain = {**values, "A_ref": values["A_ref_web"], "B_ref": values["B_ref_web"]}
    plain = {p.name: plain[p.name] for p in ADDITIVE.parameters}
    found = JOINT.mean(XP, **SHARES, **AT, **values)
    np.testing.assert_allclose(found, ADDITIVE.mean(XP, **SHARES, **AT, **plain), rtol=1e-10)


def test_more_of_what_helps_alone_lowers_the_bias():
    values = sampled(ADDITIVE, 50, 2)
    values |= {"bias_code": 1e9, "bias_books": 1e9}
    web = np.linspace(0, 1, 30)
    bias = ADDITIVE.bias(XP, p_web=web, p_code=(1 - web) / 2, p_books=(1 - web) / 2, **values)
    assert (np.diff(bias, axis=1) < 0).all()


def test_both_back_ends_and_their_slopes_without_some_domains():
    import pytensor
    import pytensor.tensor as pt

    from bayes_scaling.laws.backend import pytensor_backend

    inputs = {**SHARES, **AT}
    values = {k: float(v[0, 0]) for k, v in sampled(JOINT, 1, 3).items()}
    theta = pt.dvector("theta")
    symbols = {k: theta[i] for i, k in enumerate(values)}
    loss = JOINT.mean(pytensor_backend(), **{k: pt.as_tensor(v) for k, v in inputs.items()}, **symbols)
    evaluate = pytensor.function([theta], [loss, pytensor.grad(loss.sum(), theta)], mode="FAST_COMPILE")
    found, slopes = evaluate(list(values.values()))
    np.testing.assert_allclose(found, JOINT.mean(XP, **inputs, **values), rtol=1e-12)
    assert np.isfinite(slopes).all()
    assert (slopes != 0).any()


@pytest.mark.parametrize("law", [ADDITIVE, JOINT], ids=["additive", "joint"])
def test_no_mixture_beats_the_best_one(law):
    """Up to what the steps of the search leave: 1e-4 nats, where losses of mixtures differ by tenths."""
    values, rng = sampled(law, 60, 4), np.random.default_rng(5)
    asked = {"params": np.full(3, 1e9), "tokens": np.full(3, 2e10)} if law.joint else {}
    best = law.optimal_share(XP, domain=np.array([1, 2, 3]), **asked, **values)
    np.testing.assert_allclose(best.sum(axis=1), 1, rtol=1e-9)
    assert (best >= 0).all()
    lowest = losses(law, best[:, None, :], values)[:, 0]
    spread = np.concatenate([rng.dirichlet(np.full(3, a), (60, 1500)) for a in (0.3, 1.0)], axis=1)
    near = best[:, None, :] * np.exp(rng.normal(0, 0.03, (60, 500, 3)))
    other = losses(law, np.concatenate([spread, near / near.sum(axis=-1, keepdims=True)], axis=1), values)
    assert (lowest < other.min(axis=1) + 1e-4).all()
    assert np.median(np.ptp(other, axis=1)) > 0.1


def test_the_best_mixture_depends_on_scale_in_the_joint_law_only():
    alone = {
        "A_ref_web": 0.2,
        "A_ref_code": 0.8,
        "A_ref_books": 0.5,
        "B_ref_web": 0.5,
        "B_ref_code": 0.1,
        "B_ref_books": 0.5,
    }
    values = JOINT.from_published(XP, **HELP, **CURVE, **{f"C{k}_{d}": 1.0 for k in "AB" for d in JOINT.domains},
                                  power_A=1.0, power_B=1.0) | alone  # fmt: skip
    domain = np.array([1.0, 2.0, 3.0])
    small = JOINT.optimal_share(XP, domain=domain, params=np.full(3, 1e7), tokens=np.full(3, 1e13), **values)
    short = JOINT.optimal_share(XP, domain=domain, params=np.full(3, 1e13), tokens=np.full(3, 1e8), **values)
    assert small[0] > short[0] + 0.1, "web, with which size matters least"
    assert short[1] > small[1] + 0.1, "code, with which tokens matter least"
    plain = {p.name: values.get(p.name, 0.4) for p in ADDITIVE.parameters}
    everywhere = ADDITIVE.optimal_share(XP, domain=domain, **plain)
    for at in ({"params": 1e7, "tokens": 1e13}, {"params": 1e13, "tokens": 1e8}):
        other = np.random.default_rng(6).dirichlet(np.ones(3), (1, 2000))
        assert (
            losses(ADDITIVE, everywhere[None, None], plain, **at) <= losses(ADDITIVE, other, plain, **at).min() + 1e-6
        )


def test_proportions_that_do_not_sum_to_one_are_listed():
    with pytest.raises(DataError, match=r"row 0 .*sum = 0.9; expected proportions"):
        ADDITIVE.check_values(pd.DataFrame({"p_web": [0.5], "p_code": [0.3], "p_books": [0.1]}))


@pytest.mark.parametrize("law", [ADDITIVE, laws.get("mixing")], ids=["mixture_scale", "mixing"])
@pytest.mark.parametrize("none", [0, 4])
def test_a_domain_that_is_none(law, none):
    with pytest.raises(CardError, match=f"optimal_share of domain {none}; it has web, code, books"):
        law.optimal_share(XP, domain=np.array([1.0, none]), **sampled(law, 2, 7))


@pytest.mark.parametrize(
    "wrong",
    [{"domains": ["web"]}, {"joint": "yes"}, {"targets": []}, {"domains": ["a", "a"]}, {"domains": "web"},
     {"domains": 3}],
)  # fmt: skip
def test_options_that_cannot_be_used(wrong):
    with pytest.raises(CardError, match="mixture_scale"):
        ADDITIVE.with_options(**wrong)


def test_the_best_share_says_which_domain_is_which():
    for law, more in ((ADDITIVE, []), (JOINT, ["params", "tokens"])):
        told = law.with_options(domains=["a", "b"]).quantity("optimal_share")
        assert "(1 a, 2 b)" in told.meaning
        assert [i.column for i in told.asked] == ["domain", *more]
        assert (told.asked[0].low, told.asked[0].high) == (1, 2)


def test_options_keep_the_scales():
    law = ADDITIVE.at(params=1e8).with_options(domains=["a", "b"], joint=True)
    assert law.reference == {"params": 1e8, "tokens": 2e10}
    assert [i.column for i in law.inputs] == ["p_a", "p_b", "params", "tokens"]
    assert len(law.parameters) == 5 + 4 * 2, "as many as the paper counts"


@pytest.mark.real
def test_real_mixtures_of_five_domains_are_all_there(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("mixtures_five")
    assert len(frame) == bs.data.dataset("mixtures_five").rows
    ADDITIVE.with_options(domains=["academic", "prose", "dialogue", "symbolic", "internet"]).check_values(frame)
    part = frame[(frame["step"] == 30000) & (frame["task"] == "books3") & ~frame["flags"].str.contains("other_design")]
    assert part.groupby("model").size().to_dict() == {"160M": 26, "305M": 26, "410M": 26, "70M": 26}
