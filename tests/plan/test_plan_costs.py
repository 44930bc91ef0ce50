"""Prices and limits: Sardana's optimum, which limit binds, and what leaves no choice."""

import numpy as np
import pytest
import simulated

from bayes_scaling import plan
from bayes_scaling.errors import CardError, ForecastError
from bayes_scaling.laws.base import Input
from bayes_scaling.laws.chinchilla import Chinchilla
from bayes_scaling.model import make_spec
from bayes_scaling.plan import Limits, Prices
from bayes_scaling.plan.costs import Menu


@pytest.fixture(scope="module")
def fit():
    """One family's law, drawn around the planted truth."""
    rng = np.random.default_rng(3)
    t = simulated.TRUTH
    values = {k: t[k] * np.exp(0.05 * rng.standard_normal(100)) for k in ("A_ref", "alpha", "B_ref", "beta")}
    values["E"] = 1.7 * np.exp(0.02 * rng.standard_normal(100))
    return simulated.fit_of(make_spec("chinchilla"), simulated.ladder().drop(columns="family"), values, draws=50)


def test_without_prices_and_limits_it_is_the_allocation(fit):
    split, made = plan.allocation(fit, [1e21, 1e23]), plan.frontier(fit, [1e21, 1e23])
    np.testing.assert_allclose(made.params, split.params, rtol=1e-5)
    np.testing.assert_allclose(made.loss, split.loss, rtol=1e-10)
    assert made.choice["binding"].tolist() == ["the cost", "the cost"]


def test_serving_makes_models_smaller_and_longer_trained(fit):
    """First-order condition of Sardana et al. (2024): dL/dlogN (D + D_inf/3)/D = dL/dlogD, costs in FLOP."""
    served = 1e12
    made = plan.frontier(fit, 1e23, prices=Prices(inference_tokens=served))
    N, D = made.params[:, 0], made.tokens[:, 0]
    np.testing.assert_allclose(6 * N * D + 2 * N * served, 1e23, rtol=1e-9)
    v = fit.values()
    by_size = v["alpha"] * v["A_ref"] * (N / 1e9) ** -v["alpha"]
    by_data = v["beta"] * v["B_ref"] * (D / 2e10) ** -v["beta"]
    np.testing.assert_allclose(by_size * D, by_data * (D + served / 3), rtol=1e-4)
    plain = plan.frontier(fit, 1e23)
    assert (plain.params[:, 0] > N).all()
    assert (plain.tokens[:, 0] / plain.params[:, 0] < D / N).all()


@pytest.mark.parametrize(
    ("limits", "binds"),
    [
        (Limits(max_params=1e9), "max_params"),
        (Limits(memory=2e9, bytes_per_param=2), "memory"),
        (Limits(unique_tokens=1e10), "unique tokens"),
        (Limits(gpus=10, days=1, peak_flops=1e14), "GPUs and days"),
        (Limits(min_params=1e12), "min_params"),
    ],
)
def test_limits_hold_and_are_named(fit, limits, binds):
    made = plan.frontier(fit, 1e23, limits=limits)
    assert binds in made.choice["binding"].iloc[0]
    assert binds in made.sentences[0]
    chosen = made.choice.iloc[0]
    for params, tokens in ((made.params, made.tokens), (chosen["params"], chosen["tokens"])):
        assert np.all(params <= min(limits.max_params or np.inf, (limits.memory or np.inf) / 2) * (1 + 1e-9))
        assert np.all(params >= (limits.min_params or 0) * (1 - 1e-9))
        assert np.all(tokens <= (limits.unique_tokens or np.inf) * (1 + 1e-9))
        assert np.all(6 * params * tokens <= min(limits.compute, 1e23) * (1 + 1e-9))
    free = plan.frontier(fit, 1e23)
    assert (made.loss >= free.loss - 1e-12).all()


def test_what_is_left_over_is_told(fit):
    made = plan.frontier(fit, 1e25, limits=Limits(max_params=1e9, unique_tokens=1e10))
    assert "left over" in made.sentences[0]
    chosen = made.choice.iloc[0]
    assert (chosen["params"], chosen["tokens"]) == (pytest.approx(1e9), pytest.approx(1e10))


def test_a_law_of_repeated_tokens_reads_them():
    """Any law with an input `unique_tokens` prices repetition instead of forbidding it."""

    class Repeats(Chinchilla):
        name = "chinchilla_repeats"
        inputs = (*Chinchilla.inputs, Input("unique_tokens", "count", "different tokens", reference=2e10))

        def mean(self, xp, *, params, tokens, unique_tokens, E, A_ref, alpha, B_ref, beta):
            worth = unique_tokens * (1 + (1 - xp.exp(-(tokens / unique_tokens - 1) / 15)) * 15)
            return super().mean(xp, params=params, tokens=worth, E=E, A_ref=A_ref, alpha=alpha, B_ref=B_ref, beta=beta)

    frame = simulated.ladder().assign(unique_tokens=lambda t: t["tokens"])
    values = {k: np.full(20, simulated.TRUTH[k]) for k in ("A_ref", "alpha", "B_ref", "beta")} | {"E": np.full(20, 1.7)}
    fit = simulated.fit_of(make_spec(Repeats()), frame, values, draws=10)
    free = plan.allocation(fit, 1e23)
    plain = plan.allocation(simulated.fit_of(make_spec("chinchilla"), frame, values, draws=10), 1e23)
    np.testing.assert_allclose(free.params, plain.params, rtol=1e-4)
    made = plan.frontier(fit, 1e23, limits=Limits(unique_tokens=1e10))
    assert (made.tokens > 1e10).all(), "tokens are repeated"
    assert (made.params > plain.params).all(), "and are worth less than new ones"


@pytest.mark.parametrize(
    ("cost", "prices", "limits", "names"),
    [
        (1e22, Prices(), Limits(max_params=1e8, min_params=1e9), ["max_params"]),
        (1e22, Prices(inference_tokens=1e15), Limits(min_params=1e9), ["the cost"]),
        (1e30, Prices(), Limits(memory=1e3), ["memory"]),
        (1e30, Prices(), Limits(unique_tokens=10), ["unique tokens"]),
        (1e12, Prices(), Limits(max_params=1e8, min_params=1e9), ["the cost", "max_params"]),
    ],
)
def test_no_choice_says_which_limit_binds(fit, cost, prices, limits, names):
    with pytest.raises(ForecastError, match="leave no choice") as error:
        plan.frontier(fit, cost, prices=prices, limits=limits)
    told = str(error.value)
    assert all(name in told for name in names)
    others = {"the cost", "max_params", "memory", "unique tokens", "GPUs and days"} - set(names)
    assert not any(f"{name} (at most" in told for name in others)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prices(per_flop=-1), "prices.per_flop = -1"),
        (lambda: Prices(inference_tokens=-1), "inference_tokens = -1"),
        (lambda: Prices.of_gpu_hours(-2, peak_flops=1e15), "price = -2"),
        (lambda: Prices.of_gpu_hours(2, peak_flops=1e15, serving_utilisation=0), "serving_utilisation = 0"),
        (lambda: Prices.of_gpu_hours(2, peak_flops=1e15, utilisation=40), "at most 1"),
        (lambda: Limits(max_params=0), "limits.max_params = 0"),
        (lambda: Limits(utilisation=40, gpus=1, peak_flops=1e15), "at most 1"),
        (lambda: Limits(days=3), "days need both"),
        (lambda: Limits(gpus=3), "together"),
    ],
)
def test_prices_and_limits_are_checked(make, message):
    with pytest.raises(CardError, match=message):
        make()


def test_price_of_gpu_hours():
    prices = Prices.of_gpu_hours(2.0, peak_flops=1e15, utilisation=0.4, serving_utilisation=0.2, inference_tokens=1e12)
    assert prices.training(1e9, 2e10) == pytest.approx(2 * 6e9 * 2e10 / (3600 * 0.4e15))
    assert prices.serving(1e9) == pytest.approx(2 * 2e9 * 1e12 / (3600 * 0.2e15))
    assert Limits(gpus=8, days=2, peak_flops=1e15).compute == pytest.approx(8 * 2 * 86400 * 0.4e15)


def test_the_cheapest_model_that_reaches_a_loss(fit):
    on, menu = plan.surface(fit), Menu(Prices(per_flop=2.0, inference_tokens=1e12), Limits())
    cost = menu.cost_to_reach(on, 2.1)
    np.testing.assert_allclose(menu.loss(on, menu.best(on, cost), cost), 2.1, rtol=1e-9)
    never = Menu(Prices(), Limits(max_params=1e7)).cost_to_reach(on, 2.1)
    assert np.isinf(never).all()


def test_costs_without_a_price_and_tokens_that_are_too_few(fit):
    with pytest.raises(ForecastError, match=r"No price of a FLOP was told.*--per-flop"):
        plan.frontier(fit, 1e6)
    with pytest.raises(ForecastError, match=r"fewer than the .* that count as training"):
        plan.frontier(fit, 1e22, limits=Limits(unique_tokens=0.5))
    assert plan.to_reach(fit, 2.5, limits=Limits(unique_tokens=0.5)).p_unreachable == pytest.approx([1.0])
    with pytest.raises(CardError, match="without per_flop"):
        Prices(currency="USD")
    assert Prices().currency == "FLOP"
    assert Prices(per_flop=1e-18).currency == "units of money", "a price is not counted in FLOP"
    assert Prices(per_flop=2.0, currency="FLOP").currency == "FLOP"


def test_what_limits_keep_out_of_reach_is_said_to_be_theirs(fit):
    (told,) = plan.to_reach(fit, 2.2, limits=Limits(max_params=1e6)).sentences
    assert "nothing within the limits reaches it" in told
    made = plan.to_reach(fit, 2.5, limits=Limits(max_params=1e10))
    assert set(made.quantities) == {"compute", "params", "tokens"}, "no cost without prices"
    (told,) = plan.to_reach(fit, 0.5).sentences
    assert "nothing reaches it" in told
