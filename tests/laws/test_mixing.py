"""Data mixtures: the form of the paper, the optimum against brute force, proportions that cannot be."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.priors import draw

XP = numpy_backend()
LAW = laws.get("mixing")
THREE = LAW.with_options(domains=["web", "code"], targets=["qa", "maths"])


def test_the_form_of_the_paper():
    constants = {"c": 1.6, "k": 2.0, "t_web": -1.5, "t_code": 0.4, "t_books": -0.2}
    shares = {"p_web": np.array([0.2, 1.0]), "p_code": np.array([0.5, 0]), "p_books": np.array([0.3, 0])}
    expected = 1.6 + 2 * np.exp(np.array([-1.5 * 0.2 + 0.4 * 0.5 - 0.2 * 0.3, -1.5]))
    found = LAW.mean(XP, **shares, **LAW.from_published(XP, **constants))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_every_validation_domain_has_constants_of_its_own():
    rng = np.random.default_rng(1)
    sampled = {p.name: draw(p.prior, rng, (5, 1)) for p in THREE.parameters}
    frame = pd.DataFrame(THREE.example(6))
    inputs = {k: frame[k].to_numpy() for k in ("p_web", "p_code")} | THREE.prepare(frame)
    assert inputs["target"].tolist() == [0, 1, 0, 1, 0, 1]
    found = THREE.mean(XP, **inputs, **sampled)
    alone = LAW.with_options(domains=["web", "code"])
    for i, target in enumerate(("qa", "maths")):
        own = {k.replace(f"_{target}", ""): v for k, v in sampled.items() if f"_{target}" in k}
        rows = {k: v[i::2] for k, v in inputs.items() if k != "target"}
        np.testing.assert_allclose(found[:, i::2], alone.mean(XP, **rows, **own), rtol=1e-12)
    back = THREE.from_published(XP, **THREE.to_published(XP, **sampled))
    for name, value in sampled.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-12)


def test_both_back_ends_agree_with_targets():
    import pytensor

    from bayes_scaling.laws.backend import pytensor_backend

    frame, rng = pd.DataFrame(THREE.example(6)), np.random.default_rng(2)
    inputs = {k: frame[k].to_numpy() for k in ("p_web", "p_code")} | THREE.prepare(frame)
    sampled = {p.name: float(draw(p.prior, rng, ())) for p in THREE.parameters}
    graph = THREE.mean(pytensor_backend(), **{k: pytensor.shared(v) for k, v in {**inputs, **sampled}.items()})
    np.testing.assert_allclose(graph.eval(mode="FAST_COMPILE"), THREE.mean(XP, **inputs, **sampled), rtol=1e-12)


def test_the_optimum_has_the_lowest_sum_of_losses():
    law, rng = LAW.with_options(targets=["a", "b", "c"]), np.random.default_rng(3)
    sampled = {p.name: draw(p.prior, rng, (60, 1)) for p in law.parameters}
    found = law.optimal_share(XP, domain=np.array([1.0, 2.0, 3.0]), **sampled)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    assert (found >= 0).all()

    def total(shares):
        """Return the sum of losses of every draw at its mixtures, shape (draw, mixture)."""
        at = {f"p_{d}": shares[..., j] for j, d in enumerate(law.domains)}
        return sum(law.mean(XP, **at, target=np.full(1, float(i)), **sampled) for i in range(3))

    least = total(found[:, None, :])
    other = total(rng.dirichlet(np.ones(3), (60, 3000)))
    assert (least <= other * (1 + 1e-9)).all()
    assert ((found > 0.01).sum(axis=1) > 1).any(), "a mixture, not a single domain, where targets disagree"


def test_one_target_wants_one_domain():
    sampled = LAW.from_published(XP, c=1.0, k=1.0, t_web=-1.0, t_code=-0.5, t_books=0.0)
    found = LAW.optimal_share(XP, domain=np.array([1, 2, 3]), **sampled)
    np.testing.assert_allclose(found, [1, 0, 0], atol=1e-6)


def test_proportions_that_do_not_sum_to_one_are_listed():
    frame = pd.DataFrame({"p_web": [0.5, 0.5], "p_code": [0.3, 0.4], "p_books": [0.2, 0.2]})
    with pytest.raises(
        DataError, match=r"row 1 with p_web = 0.5 and p_code = 0.4 and p_books = 0.2 and sum = 1\.1; expected prop"
    ):
        LAW.check_values(frame)


def test_a_validation_domain_that_is_no_target():
    frame = pd.DataFrame({"p_web": [0.5], "p_code": [0.5], "task": ["poems"]})
    with pytest.raises(DataError, match="found task poems; expected one of the option targets, qa, maths"):
        THREE.check_values(frame)


@pytest.mark.parametrize("wrong", [{"domains": ["web"]}, {"targets": "qa"}, {"domain": []}, {"targets": ["a", "a"]}])
def test_options_that_cannot_be_used(wrong):
    with pytest.raises(CardError):
        LAW.with_options(**wrong)


@pytest.mark.real
def test_real_mixtures_are_all_there(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("mixtures")
    assert len(frame) == bs.data.dataset("mixtures").rows
    law = LAW.with_options(domains=["github", "books3", "pile_cc"], targets=["github", "books3", "pile_cc"])
    law.check_values(frame)
    part = frame[(frame["model"] == "410M") & (frame["step"] == 60000)]
    assert part.groupby("task").size().to_dict() == {"books3": 32, "github": 32, "pile_cc": 32}
