"""Forms of this package that extend a paper's: what they become in the limit, and their optima."""

import numpy as np
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.priors import draw

XP = numpy_backend()


def prior_draws(law, draws, seed=0):
    """Return draws of a law's parameters from its priors, shape (draw, 1)."""
    rng = np.random.default_rng(seed)
    return {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}


def medians(law):
    """Return the median of every prior."""
    return {p.name: p.prior.numbers.get("median", p.prior.numbers.get("mean")) for p in law.parameters}


# ---- four prices of a learning rate and a batch size -------------------------------------------------------


def test_prices_are_hand_written_powers():
    law = laws.get("rate_batch")
    own = {"slow_lr": 0.4, "slow_batch": 0.1, "slow_params": -0.3, "slow_tokens": -0.2, "noisy_lr": 0.9}
    own |= {"noisy_batch": -0.3, "noisy_params": 0.4, "noisy_tokens": -0.1, "few_batch": 0.2, "few_params": 0.1}
    own |= {"few_tokens": -0.4, "small_batch": 0.4, "small_params": 0.2, "small_tokens": 0.1}
    given = {"E": 1.7, "A_ref": 0.3, "alpha": 0.35, "slow": 0.05, "noisy": 0.02, "few": 0.1}
    r, b, n, d = 3.0, 2.0, 0.5, 4.0  # times the reference
    expected = 1.7 + 0.3 * n**-0.35 + 0.05 * r**-0.4 * b**0.1 * n**-0.3 * d**-0.2
    expected += 0.02 * r**0.9 * b**-0.3 * n**0.4 * d**-0.1 + 0.1 * b**0.2 * n**0.1 * d**-0.4
    expected += 0.04 * b**-0.4 * n**0.2 * d**0.1
    at = law.reference
    found = law.mean(
        XP, params=n * at["params"], tokens=d * at["tokens"], lr=r * at["lr"], batch=b * at["batch"], small=0.04,
        **given, **own,
    )  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-12)


def test_no_rate_and_no_batch_is_better_than_the_best():
    law = laws.get("rate_batch")
    sampled, at = prior_draws(law, 30), {"params": np.array([4e9]), "tokens": np.array([1e11])}
    rate, batch = law.optimal_lr(XP, **at, **sampled), law.optimal_batch(XP, **at, **sampled)
    inside = (batch > 1.01 * law.reference["batch"] * np.exp(-12)) & (
        batch < 0.99 * law.reference["batch"] * np.exp(12)
    )
    assert inside.mean() > 0.8
    best = law.mean(XP, **at, lr=rate, batch=batch, **sampled)
    for times in (0.9, 1.1):
        assert (law.mean(XP, **at, lr=rate * times, batch=batch, **sampled) >= best - 1e-12).all()
        moved = law.mean(XP, **at, lr=rate, batch=batch * times, **sampled)
        assert (moved >= best - 1e-9)[inside].all()
    assert law.penalty(XP, **at, lr=rate, batch=batch, **sampled) == pytest.approx(0.0, abs=1e-9)
    own = law.lr_for_batch(XP, **at, batch=batch, **sampled)
    np.testing.assert_allclose(own, rate, rtol=1e-12)


# ---- repeated data with a term of short training -----------------------------------------------------------


def test_without_short_training_it_is_the_law_of_repeated_data():
    law, paper = laws.get("data_steps"), laws.get("data_constrained")
    rows = {k: np.array(v) for k, v in law.example(40).items()}
    sampled = prior_draws(law, 50)
    base = {k: v for k, v in sampled.items() if k not in ("C_ref", "gamma")}
    expected = paper.mean(XP, **rows, **base)
    np.testing.assert_allclose(law.mean(XP, **rows, **{**sampled, "C_ref": 1e-300}), expected, rtol=1e-12)
    assert (law.mean(XP, **rows, **sampled) > expected).all()
    far = {**rows, "tokens": rows["tokens"] * 1e60, "unique_tokens": rows["unique_tokens"]}
    np.testing.assert_allclose(law.mean(XP, **far, **sampled), paper.mean(XP, **far, **base), rtol=1e-2)
    for name in ("effective_tokens", "effective_params"):
        found = getattr(law, name)(XP, **rows, **sampled)
        np.testing.assert_array_equal(found, getattr(paper, name)(XP, **rows, **base))


# ---- experts above a floor ---------------------------------------------------------------------------------


def test_experts_multiply_the_parameters():
    law = laws.get("routed_floor")
    sampled = medians(law)
    size = np.array([1e8, 1e9, 1e10])
    dense = law.effective_params(XP, active_params=size, experts=1.0, **sampled)
    np.testing.assert_allclose(dense, size, rtol=1e-12)
    worth = law.effective_params(XP, active_params=size, experts=64.0, **sampled)
    np.testing.assert_allclose(worth / size, (worth / size)[0], rtol=1e-12)
    assert worth[0] > 2 * size[0]
    routed = law.mean(XP, active_params=size, experts=64.0, **sampled)
    np.testing.assert_allclose(routed, law.mean(XP, active_params=worth, experts=1.0, **sampled), rtol=1e-12)
    gain = law.mean(XP, active_params=size, experts=1.0, **sampled) - routed
    assert (np.diff(gain) < 0).all(), "above a floor, routing helps less in larger models"
    most = law.effective_params(XP, active_params=1.0, experts=1e12, **sampled)
    assert most == pytest.approx((1 + sampled["span"]) ** sampled["gamma"], rel=1e-6)


# ---- vocabulary along training -----------------------------------------------------------------------------


def test_training_runs_from_a_start_to_the_best_vocabulary():
    law = laws.get("vocabulary_curve")
    sampled = medians(law)
    size, best = np.array([1e9]), sampled["best_ref"]
    start = law.mean(XP, non_vocab_params=size, vocab_size=best, characters=1e-200, **sampled)
    assert start == pytest.approx(sampled["floor"] + sampled["span"], rel=1e-6)
    end = law.mean(XP, non_vocab_params=size * 1e200, vocab_size=best, characters=1e250, **{**sampled, "best_size": 0})
    assert end == pytest.approx(sampled["floor"], rel=1e-6)
    text = np.logspace(6, 16, 60)
    falls = law.mean(XP, non_vocab_params=size, vocab_size=best, characters=text, **sampled)
    assert (np.diff(falls) < 0).all()


def test_the_best_vocabulary_is_that_of_a_fine_grid():
    law = laws.get("vocabulary_curve")
    sampled = prior_draws(law, 40)
    at = {"non_vocab_params": np.array([3e9]), "characters": np.array([1e12])}
    found = law.best_vocab(XP, **at, **sampled)[:, 0]
    grid = law.reference["vocab_size"] * np.exp(np.linspace(-5, 8, 4001))
    loss = law.mean(XP, non_vocab_params=3e9, characters=1e12, vocab_size=grid, **sampled)
    at_found = law.mean(XP, **at, vocab_size=found[:, None], **sampled)[:, 0]
    assert (at_found <= loss.min(axis=1) + 1e-6).all()


# ---- a domain's own share ----------------------------------------------------------------------------------


def test_a_domain_is_learnt_by_its_own_share():
    law = laws.get("own_share").with_options(domains=["web", "code"], own="code")
    sampled = medians(law) | {"level": 3.0, "alpha": 0.1, "own": 0.2, "own_size": 0.0, "knee": 0.05}
    sampled |= {"t_web": 0.1, "t_code": -0.05}
    share = np.linspace(0, 1, 30)
    loss = law.mean(XP, params=2e9, p_web=1 - share, p_code=share, **sampled)
    assert (np.diff(loss) < 0).all()
    assert loss[0] == pytest.approx(3.0 * 2**-0.1 * np.exp(0.5 * 0.1 + 0.5 * 0.05), rel=1e-12)
    assert loss[-1] == pytest.approx(3.0 * 2**-0.1 * 21**-0.2 * np.exp(-0.5 * 0.1 - 0.5 * 0.05), rel=1e-12)


def test_options_of_own_share_are_checked():
    law = laws.get("own_share")
    with pytest.raises(CardError, match="Did you mean 'code'"):
        law.with_options(own="cod")
    with pytest.raises(CardError, match="has no option 'domain'"):
        law.with_options(domain=["a", "b"])
    with pytest.raises(CardError, match="at least 2"):
        law.with_options(domains=["a"])
    with pytest.raises(CardError, match="own_share: domains = 'web'; expected a list of at least 2 names"):
        law.with_options(domains="web")
    assert law.with_options(domains=["a", "b"]).own == "a"
    import pandas as pd

    with pytest.raises(DataError, match=r"law own_share: .* and sum = 0\.7; expected proportions that sum to 1"):
        law.check_values(pd.DataFrame({"p_web": [0.5], "p_code": [0.1], "p_books": [0.1]}))
    assert all("divide by 100" in column.slip for column in law.columns)


# ---- two turns ---------------------------------------------------------------------------------------------


def test_a_task_turns_at_the_places_it_is_told():
    law = laws.get("two_turns")
    sampled = {"guessing": 0.7, "shortcut": 0.3, "trapped": 0.5, "mastered": 0.02, "first": 0.1, "to_trap": 2.0}
    sampled |= {"to_mastery": 1.5, "width": 0.1}
    middle = law.mean(XP, compute=np.array([1e15, 1e21, 10**22.75, 1e30]), **sampled)
    np.testing.assert_allclose(middle, [0.7, 0.3, 0.5, 0.02], atol=1e-3)
    assert law.first_turn(XP, **sampled) == pytest.approx(1e22, rel=1e-12)
    assert law.second_turn(XP, **sampled) == pytest.approx(10**23.5, rel=1e-12)
    turning = law.mean(XP, compute=np.array([1e22, 10**23.5]), **sampled)
    np.testing.assert_allclose(turning, [0.4, 0.26], atol=1e-3)


def test_the_states_of_a_task_share_the_whole():
    law = laws.get("two_turns")
    sampled = prior_draws(law, 300)
    compute = np.logspace(14, 32, 80)
    alike = {**sampled, **dict.fromkeys(("guessing", "shortcut", "trapped", "mastered"), sampled["guessing"])}
    np.testing.assert_allclose(law.mean(XP, compute=compute, **alike), sampled["guessing"] + 0 * compute, rtol=1e-12)
    levels = np.stack([sampled[k] for k in ("guessing", "shortcut", "trapped", "mastered")])
    loss = law.mean(XP, compute=compute, **sampled)
    assert (loss <= levels.max(axis=0) * (1 + 1e-12)).all()
    assert (loss >= levels.min(axis=0) * (1 - 1e-12)).all()
