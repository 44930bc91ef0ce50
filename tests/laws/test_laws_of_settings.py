"""Laws of training settings: what their papers state, optima against brute force, bad input."""

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling import laws
from bayes_scaling.data import areas
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.laws.width_depth import params_of
from bayes_scaling.model.priors import draw

XP = numpy_backend()


def drawn(law, draws=40, seed=1):
    """Return draws of a law's parameters from its priors, shape (draw, 1)."""
    rng = np.random.default_rng(seed)
    return {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}


def medians(law):
    """Return the middle of a law's priors."""
    return {p.name: p.prior.numbers.get("median", p.prior.numbers.get("mean")) for p in law.parameters}


# Optima without a closed form


def test_the_smallest_of_two_valleys_is_found_for_every_element():
    depth = np.array([[0.5], [1.5]])
    found = minimum(
        lambda x: np.minimum((x + 2) ** 2 - 1, (x - 3) ** 2 - depth), np.full((2, 1), -5.0), np.full((2, 1), 5.0)
    )
    np.testing.assert_allclose(found, [[-2.0], [3.0]], atol=1e-6)


def test_a_falling_function_has_its_minimum_at_the_end():
    assert minimum(lambda x: -x, np.array([0.0]), np.array([2.0])) == pytest.approx(2.0, abs=1e-7)


# Kaplan and Chinchilla reconciled (Pearce and Song 2024)


def test_reconciled_is_chinchilla_of_all_parameters():
    n, d = 1e8, 3e9
    total = n + 47491 * n ** (1 / 3)
    expected = 1.8172 + 482.01 / total**0.3478 + 2085.43 / d**0.3658
    assert laws.get("reconciled").at_constants("pearce2024", params=n, tokens=d) == pytest.approx(expected, rel=1e-12)
    assert total == pytest.approx(1.22e8, rel=0.01)


def test_the_best_size_is_that_of_a_grid_and_solves_the_equation_of_the_paper():
    law = laws.get("reconciled")
    sampled, compute = law.constants("pearce2024"), np.array([1e17, 1e21])
    best = law.optimal_params(XP, compute=compute, **sampled)
    grid = np.logspace(3, 12, 40_001)
    for c, n in zip(compute, best, strict=True):
        losses = law.mean(XP, params=grid, tokens=c / (6 * grid), **sampled)
        assert n == pytest.approx(grid[np.argmin(losses)], rel=1e-3)
    # C = 6 N (N + w/3 N^(1/3))^(-1/b) (N + w N^(1/3))^((1+a)/b) (b B / (a A))^(1/b), section 3
    a, b, w = 0.3478, 0.3658, 47491
    inner = best + w / 3 * best ** (1 / 3)
    total = best + w * best ** (1 / 3)
    solved = 6 * best * inner ** (-1 / b) * total ** ((1 + a) / b) * (b * 2085.43 / (a * 482.01)) ** (1 / b)
    np.testing.assert_allclose(solved, compute, rtol=1e-5)


def test_the_exponent_goes_from_one_limit_to_the_other_and_is_the_slope():
    law = laws.get("reconciled")
    sampled = law.constants("pearce2024")
    compute = np.array([1e9, 1e17, 1e40])
    found = law.optimal_exponent(XP, compute=compute, **sampled)
    assert found[0] == pytest.approx(0.3658 / (0.3478 / 3 + 0.3658), abs=0.02)
    assert found[2] == pytest.approx(0.3658 / (0.3478 + 0.3658), abs=1e-3)
    near = law.optimal_params(XP, compute=compute[1] * np.array([0.99, 1.01]), **sampled)
    assert found[1] == pytest.approx(np.diff(np.log(near))[0] / np.log(1.01 / 0.99), rel=1e-3)


def test_kaplans_exponent_comes_out_at_kaplans_scales():
    law = laws.get("reconciled")
    compute = np.logspace(12.95, 20.7, 100)  # the range of the authors' analysis, models of 768 to 1.5e9 parameters
    best = law.optimal_params(XP, compute=compute, **law.constants("pearce2024"))
    slope = np.polyfit(np.log(compute), np.log(best), 1)[0]
    assert 0.74 <= slope <= 0.79, "Kaplan et al. found 0.73, Pearce and Song 0.74 to 0.78"


# Width and depth (McLeish et al. 2025)


def test_the_best_shape_is_that_of_a_grid():
    law = laws.get("width_depth")
    sampled, compute = medians(law), 1e21
    width, depth = np.meshgrid(np.geomspace(64, 65536, 601), np.geomspace(1, 1024, 601))
    losses = law.loss_of_shape(XP, width=width, depth=depth, compute=compute, **sampled)
    least = np.unravel_index(np.argmin(losses), losses.shape)
    wide = law.optimal_width(XP, compute=np.array([compute]), **sampled)
    deep = law.optimal_depth(XP, compute=np.array([compute]), **sampled)
    assert wide == pytest.approx(width[least], rel=0.02)
    assert deep == pytest.approx(depth[least], rel=0.02)
    cost = law.shape_cost(XP, width=width[::60, ::60], depth=depth[::60, ::60], compute=compute, **sampled)
    assert cost.min() > -1e-9
    assert cost.max() > 0.05


def test_parameters_of_a_gemstone():
    assert params_of(2048, 27) == pytest.approx(1904850944, rel=1e-3)


def test_loss_of_shapes_falls_to_the_floor():
    law, sampled = laws.get("width_depth"), drawn(laws.get("width_depth"))
    at = {
        "width": np.geomspace(64, 1e5, 30),
        "depth": np.geomspace(1, 1e3, 30),
        "tokens": np.geomspace(1e8, 1e14, 30),
    }
    assert (np.diff(law.mean(XP, **at, **sampled), axis=1) < 0).all()
    endless = law.mean(XP, **dict.fromkeys(at, np.array([1e150])), **sampled)
    np.testing.assert_allclose(endless, sampled["E"], rtol=1e-6)


# Over-training (Gadre et al. 2024)


def test_over_training_is_the_form_of_the_paper():
    law = laws.get("over_training")
    sampled = law.from_published(XP, E=1.7, a=150.0, b=200.0, eta=0.125)
    n, d = 4e8, 6.4e10
    compute, ratio = 6 * n * d, d / n
    expected = 1.7 + (150 * ratio**0.125 + 200 * ratio**-0.125) * compute**-0.125
    assert law.mean(XP, params=n, tokens=d, **sampled) == pytest.approx(expected, rel=1e-12)
    found = law.overtrained_loss(XP, compute=compute, multiplier=ratio / 20, **sampled)
    assert found == pytest.approx(expected, rel=1e-12)
    assert law.best_tokens_per_param(XP, **sampled) == pytest.approx((200 / 150) ** (1 / 0.25), rel=1e-12)


def test_over_training_shifts_the_line_of_loss_in_compute_without_turning_it():
    law = laws.get("over_training")
    sampled = drawn(law)
    compute = np.logspace(18, 24, 7)
    lines = [
        np.log(law.overtrained_loss(XP, compute=compute, multiplier=m, **sampled) - sampled["E"]) for m in (1.0, 32.0)
    ]
    np.testing.assert_allclose(np.diff(lines[0]), np.diff(lines[1]), rtol=1e-6)
    times = np.geomspace(1e-6, 1e6, 400)
    assert law.overtraining_cost(XP, compute=1e21, multiplier=times, **sampled).min() > -1e-12


# One loss from another (Brandfonbrener et al. 2024)


def test_loss_to_loss_is_the_form_of_the_paper_and_rises():
    law = laws.get("loss_to_loss")
    sampled = law.from_published(XP, K=0.9, kappa=1.2, E_0=1.6, E_1=1.9)
    loss = np.array([2.0, 3.0, 4.5])
    np.testing.assert_allclose(law.mean(XP, source_loss=loss, **sampled), 1.9 + 0.9 * (loss - 1.6) ** 1.2, rtol=1e-12)
    slope = law.exchange_rate(XP, source_loss=loss, **sampled)
    np.testing.assert_allclose(slope, 0.9 * 1.2 * (loss - 1.6) ** 0.2, rtol=1e-12)
    any_loss = law.mean(XP, source_loss=np.linspace(0.5, 20, 60), **drawn(law))
    assert (np.diff(any_loss, axis=1) >= 0).all()
    floor = law.mean(XP, source_loss=np.array([1.0]), **sampled)
    assert floor == pytest.approx(1.9, abs=1e-3)


# Learning rate, batch size, weight decay (Li et al. 2025, Bergsma et al. 2025)


def test_the_centre_of_the_step_law_is_the_published_one():
    law = laws.get("step_law")
    centre = law.constants("li2025")
    n, d = 1.0737e9, 5.69e10
    rate = law.optimal_lr(XP, params=n, tokens=d, **centre)
    assert rate == pytest.approx(1.79 * n**-0.713 * d**0.307, rel=1e-12)
    assert law.optimal_batch(XP, tokens=d, **centre) == pytest.approx(0.58 * d**0.571, rel=1e-12)
    assert 1e-3 < rate < 2e-3


@pytest.mark.parametrize("name", ["step_law", "weight_decay"])
def test_the_penalty_is_what_the_centre_saves(name):
    law = laws.get(name)
    sampled, at = drawn(law), {k: np.array(v) for k, v in law.example(12).items()}
    asked = {k: at[k] for k in ("params", "tokens")}
    best = dict(at, batch=law.optimal_batch(XP, tokens=at["tokens"], **sampled))
    if name == "step_law":
        best["lr"] = law.optimal_lr(XP, **asked, **sampled)
    else:
        best["weight_decay"] = law.optimal_weight_decay(XP, **asked, batch=best["batch"], lr=at["lr"], **sampled)
    saved = law.mean(XP, **at, **sampled) - law.mean(XP, **best, **sampled)
    np.testing.assert_allclose(law.penalty(XP, **at, **sampled), saved, atol=1e-9)
    assert saved.min() >= 0


def test_the_centre_of_weight_decay_is_the_published_one():
    law = laws.get("weight_decay")
    centre = law.constants("bergsma2025")
    n, d, batch, rate = 1e8, 2e9, 2e5, 1e-2
    tau = law.optimal_timescale(XP, params=n, tokens=d, **centre)
    assert tau == pytest.approx(1.084 * 20**-0.527, rel=1e-12)
    decay = law.optimal_weight_decay(XP, params=n, tokens=d, batch=batch, lr=rate, **centre)
    assert batch / (rate * decay * d) == pytest.approx(tau, rel=1e-12)
    twice = law.optimal_weight_decay(XP, params=n, tokens=d, batch=2 * batch, lr=rate, **centre)
    assert twice == pytest.approx(2 * decay, rel=1e-12), "the best weight decay is proportional to the batch"
    assert law.optimal_batch(XP, tokens=4e10, **centre) == pytest.approx(0.0306 * 4e10**0.383 * 2048, rel=1e-12)


# Annealing (Tissue et al. 2024)


def test_areas_are_the_sums_of_the_paper():
    rates = np.concatenate([np.full(50, 3e-4), np.linspace(3e-4, 1e-5, 70), np.full(30, 1e-5)])
    momentum, total, forward, annealed = 0.0, 0.0, [], []
    for i, rate in enumerate(rates):
        momentum = 0.95 * momentum + (rates[i - 1] - rate if i else 0.0)
        total += momentum
        annealed.append(total)
        forward.append(rates[: i + 1].sum())
    found = areas(rates, momentum=0.95)
    np.testing.assert_allclose(found[0], forward, rtol=1e-12)
    np.testing.assert_allclose(found[1], annealed, atol=1e-15)


def test_a_constant_rate_has_no_annealing_area_and_a_late_drop_counts_later():
    assert not areas(np.full(100, 1e-3))[1].any()
    early, late = np.full(2000, 1e-3), np.full(2000, 1e-3)
    early[500:], late[1500:] = 1e-4, 1e-4
    assert areas(early)[1][-1] > areas(late)[1][-1] > 0
    assert areas(early)[1][-1] == pytest.approx(9e-4 * (1 - 0.999**1500) / 0.001, rel=1e-9)


def test_annealing_is_the_form_of_the_paper():
    law = laws.get("annealing")
    sampled = law.from_published(XP, L_0=2.6, A=0.5, alpha=0.5, C=0.4)
    found = law.mean(XP, forward_area=np.array([4.0]), annealing_area=np.array([0.2]), **sampled)
    assert found == pytest.approx(2.6 + 0.5 / 2 - 0.08, rel=1e-12)
    assert law.annealing_gain(XP, annealing_area=0.2, **sampled) == pytest.approx(0.08)


@pytest.mark.parametrize("wrong", [[], [1e-3, np.nan], [1e-3, -1e-4]])
def test_areas_refuse_what_is_no_schedule(wrong):
    with pytest.raises(DataError, match="one finite number of at least 0 per step"):
        areas(wrong)
    with pytest.raises(DataError, match="momentum = 1"):
        areas([1e-3, 1e-4], momentum=1)


# Steps and batch size (Kaplan et al. 2020, section 5)


def test_the_loss_solves_the_equation_of_the_paper():
    law = laws.get("batch_steps")
    sampled, at = drawn(law, 200), {k: np.array(v) for k, v in law.example(40).items()}
    loss, told = law.mean(XP, **at, **sampled), law.to_published(XP, **sampled)
    with np.errstate(over="ignore"):
        critical = np.exp(np.log(told["B_star"]) - np.log(loss) / told["alpha_B"])
    steps = at["step"] / (1 + critical / at["batch"])
    endless = sampled["L_N"] * (at["params"] / 1e9) ** -sampled["alpha_N"]
    np.testing.assert_allclose(loss, endless + sampled["L_S"] * (steps / 1e5) ** -sampled["alpha_S"], rtol=1e-9)


def test_published_constants_of_steps():
    law = laws.get("batch_steps")
    sampled = law.constants("kaplan2020")
    limit = law.mean(XP, params=np.array([1e8]), step=np.array([2e4]), batch=np.array([1e15]), **sampled)
    assert limit == pytest.approx((6.5e13 / 1e8) ** 0.077 + (2.1e3 / 2e4) ** 0.76, rel=1e-6)
    assert law.critical_batch(XP, target_loss=3.0, **sampled) == pytest.approx(2.1e8 / 3 ** (1 / 0.21), rel=1e-9)


def test_steps_and_tokens_trade_about_the_critical_batch():
    law = laws.get("batch_steps")
    sampled, at = law.constants("kaplan2020"), {"params": 1e9, "target_loss": 3.0}
    critical = law.critical_batch(XP, target_loss=3.0, **sampled)
    fewest = law.min_steps(XP, **at, **sampled)
    batch = np.array([1e2, float(critical), 1e12])
    steps, tokens = (getattr(law, q)(XP, **at, batch=batch, **sampled) for q in ("steps_needed", "tokens_needed"))
    assert steps[2] == pytest.approx(fewest, rel=1e-5)
    assert steps[1] == pytest.approx(2 * fewest, rel=1e-9)
    assert tokens[1] == pytest.approx(2 * tokens[0], rel=1e-3)
    np.testing.assert_allclose((steps / fewest - 1) * (tokens / (fewest * critical) - 1), 1, rtol=1e-6)
    assert law.mean(XP, params=1e9, step=steps, batch=batch, **sampled) == pytest.approx(np.full(3, 3.0), rel=1e-9)
    never = law.min_steps(XP, params=1e6, target_loss=np.array([2.0]), **sampled)
    assert np.isposinf(never)


def test_the_gradient_of_the_solved_loss_is_that_of_the_equation():
    import pytensor
    import pytensor.tensor as pt

    law = laws.get("batch_steps")
    at = {k: np.array(v[:8]) for k, v in law.example(8).items()}
    names = [p.name for p in law.parameters]
    values = [float(medians(law)[n]) for n in names]
    symbols = [pt.dscalar(n) for n in names]
    loss = law.mean(laws.backend.pytensor_backend(), **at, **dict(zip(names, symbols, strict=True))).sum()
    slopes = pytensor.function(symbols, pytensor.grad(loss, symbols), mode="FAST_COMPILE")(*values)
    for i, name in enumerate(names):
        ends = []
        for sign in (1, -1):
            moved = dict(zip(names, values, strict=True))
            moved[name] *= 1 + sign * 1e-5
            ends.append(law.mean(XP, **at, **moved).sum())
        assert slopes[i] == pytest.approx((ends[0] - ends[1]) / (2e-5 * values[i]), rel=1e-5), name


@pytest.mark.real
def test_the_published_embedding_constant_lies_in_the_interval_of_the_step_law_runs(mirror):
    fit = bs.load_card("kaplan_chinchilla").fit(progressbar=False, draws=250)
    assert len(fit.frame) == 17
    low, high = fit.summary(var_names=["omega"], level=0.9).loc["omega", ["lower", "upper"]]
    assert low < 47491 < high
    exponent = bs.quantity(fit, "optimal_exponent", {"compute": [1e16, 1e24]}).draws
    assert (exponent[:, 0] > exponent[:, 1]).mean() > 0.9, "embeddings weigh less in larger models"
