"""Model collapse: the orders of the paper, against the Zipf model that it solves, and where data stop helping."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.priors import draw

XP = numpy_backend()
LAW = laws.get("model_collapse")
RANK = LAW.with_options(cut="rank")
CONSTANTS = {"E": 1.7, "A_ref": 0.5, "c": 0.3, "B_ref": 0.2}
BETA = 1.6


def zipf_error(tokens, rank, real=0.0, most=500_000):
    """Return the exact test error of the paper's model that memorises what it has seen of a Zipf law (eq. 9)."""
    p = np.arange(1, most + 1) ** -BETA
    p /= p.sum()
    kept = np.where(np.arange(1, most + 1) <= rank, p, 0)
    q = real * p + (1 - real) * kept / kept.sum()
    return np.array([(p * np.exp(t * np.log1p(-q))).sum() for t in tokens])


def law_error(tokens, rank, real, generations=1.0):
    """Return the law's error for the same model, with amplitudes from the limits of large samples."""
    c, limit = 1 - 1 / BETA, 1e9
    a, b = zipf_error([1e5], 1e9, 1.0)[0] * 1e5**c, zipf_error([limit], 1e3)[0] * 1e3 ** (BETA - 1)
    sampled = RANK.from_published(XP, E=0.0, A=a, c=c, B=b)
    return RANK.mean(XP, tokens=tokens, source=rank, generations=generations, real=real, **sampled)


def test_real_data_alone_follow_a_power_law():
    tokens = np.array([1e6, 1e9])
    found = LAW.mean(XP, tokens=tokens, source=1e9, generations=0.0, real=1.0, **CONSTANTS)
    np.testing.assert_allclose(found, 1.7 + 0.5 * (tokens / 2e10) ** -0.3, rtol=1e-12)
    also = LAW.mean(XP, tokens=tokens, source=1e9, generations=3.0, real=1.0, **CONSTANTS)
    np.testing.assert_allclose(also, found, rtol=1e-7)  # a share of one leaves nothing to cut


def test_synthetic_data_have_a_double_scaling_law_in_generations():
    at = {"tokens": 1e10, "source": 3e9, "real": 0.0}
    for n in (1.0, 4.0):
        expected = 1.7 + 0.5 * 0.5**-0.3 + n * 0.2 * (3e9 / 2e10) ** -0.3
        assert LAW.mean(XP, **at, generations=n, **CONSTANTS) == pytest.approx(expected, rel=1e-12)
    endless = LAW.mean(XP, tokens=1e80, source=3e9, real=0.0, generations=1.0, **CONSTANTS)
    assert endless == pytest.approx(1.7 + 0.2 * (3e9 / 2e10) ** -0.3, rel=1e-9), "the loss no longer falls"


@pytest.mark.parametrize("real", [0.0, 0.01, 0.1])
def test_orders_are_those_of_the_exact_model(real):
    """Theorems 2.1 and 3.2: within a factor of two throughout, and the same slope at both ends."""
    tokens = np.logspace(2, 8, 13)
    exact, found = zipf_error(tokens, 1e3, real), law_error(tokens, 1e3, real)
    ratio = found / exact
    assert (ratio < 2).all(), ratio
    assert (ratio > 0.5).all(), ratio
    assert np.log(found[1] / found[0]) == pytest.approx(np.log(exact[1] / exact[0]), rel=0.1)


def test_a_cut_by_rank_is_that_by_the_tokens_of_its_generator():
    """Equation 6: k = T_0^(1 / beta) costs k^-(beta - 1) = T_0^-c."""
    c, source = 1 - 1 / BETA, np.array([1e8, 1e11])
    for law, at in ((LAW, source), (RANK, source ** (1 / BETA))):
        sampled = law.from_published(XP, E=0.0, A=1.0, c=c, B=2.0)
        found = law.mean(XP, tokens=1e300, source=at, generations=1.0, real=0.0, **sampled)
        np.testing.assert_allclose(found, 2 * source**-c, rtol=1e-9)


def test_loss_falls_with_tokens_source_and_real_share_and_rises_with_generations():
    rng = np.random.default_rng(1)
    for law in (LAW, RANK):
        sampled = {p.name: draw(p.prior, rng, (200, 1)) for p in law.parameters}
        base = {"tokens": 1e11, "source": law.reference["source"], "generations": 1.0, "real": 0.05}
        steps = {
            "tokens": np.logspace(8, 14, 30), "source": np.logspace(3, 12, 30), "real": np.linspace(0, 1, 30),
            "generations": -np.arange(9.0, 0, -1),
        }  # fmt: skip
        for name, values in steps.items():
            loss = law.mean(XP, **{**base, name: np.abs(values)}, **sampled)
            assert np.isfinite(loss).all()
            assert (np.diff(loss, axis=1) <= 1e-12 * loss[:, :-1]).all() or name == "generations", name
            if name == "generations":
                assert (np.diff(loss, axis=1) <= 0).all(), name


def test_useful_tokens_halve_what_synthetic_data_can_bring():
    at = {"source": np.array([3e9, 3e9]), "generations": np.array([1.0, 3.0])}
    tokens = LAW.useful_tokens(XP, **at, **CONSTANTS)
    loss = LAW.mean(XP, tokens=tokens, real=0.0, **at, **CONSTANTS)
    endless = LAW.mean(XP, tokens=1e90, real=0.0, **at, **CONSTANTS)
    np.testing.assert_allclose(loss - 1.7, 2 * (endless - 1.7), rtol=1e-9)
    alone = LAW.mean(XP, tokens=tokens, source=1e9, generations=0.0, real=1.0, **CONSTANTS)
    np.testing.assert_allclose(alone, endless, rtol=1e-9)
    assert tokens[1] < tokens[0]
    assert LAW.useful_tokens(XP, source=1e9, generations=np.array([0.0]), **CONSTANTS) == np.inf


def test_real_data_resume_the_fall_later_the_fewer_they_are():
    at = {"source": 3e9, "generations": 1.0}
    real = np.array([0.02, 0.1, 0.5])
    turn = LAW.resumes_at(XP, **at, real=real, **CONSTANTS)
    assert (np.diff(turn) < 0).all()
    tokens = np.logspace(8, 16, 4001)
    for share, expected in zip(real, turn, strict=True):
        loss = LAW.mean(XP, tokens=tokens, **at, real=share, **CONSTANTS)
        none = LAW.mean(XP, tokens=tokens, **at, real=0.0, **CONSTANTS)
        first = tokens[np.argmax(loss < none * (1 - 1e-9))]
        assert first == pytest.approx(expected, rel=0.01)
    ends = LAW.resumes_at(
        XP, source=3e9, generations=np.array([1.0, 1.0, 0.0]), real=np.array([0, 1, 0.2]), **CONSTANTS
    )
    np.testing.assert_array_equal(ends, [np.inf, 0, 0])


def test_the_option_changes_columns_and_questions():
    assert [i.column for i in RANK.inputs] == ["tokens", "cutoff", "generations", "real_share"]
    assert RANK.quantity("useful_tokens").asked[0].column == "cutoff"
    assert LAW.quantity("useful_tokens").asked[0].column == "source_tokens"
    assert RANK.reference["source"] == 1e5
    frame = pd.DataFrame(LAW.example(12))
    assert frame["real_share"].between(0, 1).all()
    assert (frame["generations"] == 0).sum() == (frame["real_share"] == 1).sum() == 2
    for bad, said in ({"cut": "tail"}, "expected tokens, rank"), ({"cuts": "rank"}, "Did you mean 'cut'"):
        with pytest.raises(CardError, match=said):
            LAW.with_options(**bad)
