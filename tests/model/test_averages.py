"""A loss that is the mean of several evaluations: its noise is smaller by the root of their number."""

import numpy as np
import pandas as pd
import pytest
import simulated
from scipy import stats

from bayes_scaling.compare import score
from bayes_scaling.errors import DataError, FitError
from bayes_scaling.fit import SamplerSettings, load
from bayes_scaling.fit.departure import left_out_moments
from bayes_scaling.fit.evaluate import fitted_draws, log_density
from bayes_scaling.fit.kept import structure
from bayes_scaling.fit.sampler import Sampler
from bayes_scaling.forecasts import forecast
from bayes_scaling.model import encode, make_spec

SIGMA = 0.02
COUNTS = np.tile([1.0, 4.0, 16.0], 4)


def table(rng=None, rows=12):
    compute = np.geomspace(1e20, 1e23, rows)
    loss = 1.5 + 0.7 * (compute / 1e21) ** -0.15
    if rng is not None:
        loss = loss * np.exp(SIGMA / np.sqrt(np.resize(COUNTS, rows)) * rng.standard_normal(rows))
    return pd.DataFrame({"compute": compute, "loss": loss, "averaged": np.resize(COUNTS, rows)})


def planted(frame):
    """Return a fit whose draws are all the truth."""
    truth = {"E": 1.5, "A_ref": 0.7, "alpha": 0.15, "sigma": SIGMA}
    values = {k: np.full(4000, v) for k, v in truth.items()}
    spec = make_spec("power_law", noise={"observation": "normal"}, reference={"compute": 1e21})
    return simulated.fit_of(spec, frame, values, chains=1, draws=4000)


def test_density_and_replicates_of_a_mean_have_its_noise():
    frame = table(np.random.default_rng(0))
    fit = planted(frame)
    law = 1.5 + 0.7 * (frame["compute"] / 1e21) ** -0.15
    expected = stats.norm.logpdf(np.log(frame["loss"]), np.log(law), SIGMA / np.sqrt(COUNTS)) - np.log(frame["loss"])
    np.testing.assert_allclose(log_density(fitted_draws(fit), fit.rows, None)[0], expected, rtol=1e-9)
    made = forecast(fit, frame.drop(columns="loss"), kind="response", random_seed=1)
    found = np.log(made.draws / law.to_numpy()).std(axis=0)
    np.testing.assert_allclose(found, SIGMA / np.sqrt(COUNTS), rtol=4 / np.sqrt(2 * 4000))
    np.testing.assert_allclose(score(fit, frame)["lpd"], expected, rtol=1e-9)


def test_a_row_of_unknown_number_is_one_evaluation():
    fit = planted(table())
    points = table().drop(columns=["loss", "averaged"])
    found = np.log(forecast(fit, points, kind="response", random_seed=1).draws).std(axis=0)
    np.testing.assert_allclose(found, SIGMA, rtol=4 / np.sqrt(2 * 4000))
    gaps = table().assign(averaged=np.where(COUNTS == 4, np.nan, COUNTS))
    _, rows = encode(make_spec("power_law"), gaps)
    np.testing.assert_array_equal(rows.inputs["averaged"], np.where(COUNTS == 4, 1.0, COUNTS))


def test_a_saved_fit_knows_its_means(tmp_path):
    frame = table(np.random.default_rng(0))
    fit = planted(frame)
    again = load(fit.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(again.rows.inputs["averaged"], COUNTS)
    pd.testing.assert_frame_equal(score(again, frame), score(fit, frame))


def test_leaving_out_a_row_of_a_path_counts_its_evaluations():
    spec = make_spec("power_law", noise={"discrepancy": "wiener", "observation": "normal"})
    values = {"E": 1.5, "A_ref": 0.7, "alpha": 0.15, "sigma": SIGMA, "discrepancy_sd": 1e-9}
    frame = table(np.random.default_rng(0))
    fit = simulated.fit_of(spec, frame, {k: np.full(2, v) for k, v in values.items()}, chains=1, draws=2)
    _, variance = left_out_moments(fitted_draws(fit), fit.rows)
    np.testing.assert_allclose(variance[0], SIGMA**2 / COUNTS, rtol=1e-6)


def test_tables_with_and_without_numbers_are_different_models():
    specs = [encode(make_spec("power_law", noise={"observation": "normal"}), t) for t in
             (table(), table().drop(columns="averaged"))]  # fmt: skip
    assert structure(*specs[0]) != structure(*specs[1])


def test_several_evaluations_are_told():
    _, rows = encode(make_spec("power_law"), table())
    assert any("8 of 12 rows are means of several evaluations" in notice for notice in rows.notices)
    _, rows = encode(make_spec("power_law"), table().assign(averaged=1.0))
    assert not any("means" in notice for notice in rows.notices)


def test_noise_of_means_is_normal_unless_the_card_says_otherwise():
    assert encode(make_spec("power_law"), table())[0].noise.observation == "normal"
    assert encode(make_spec("power_law"), table().assign(averaged=1.0))[0].noise.observation == "student_t"
    asked = make_spec("power_law", noise={"observation": "student_t"})
    assert encode(asked, table())[0].noise.observation == "student_t"


@pytest.mark.parametrize("wrong", [0.0, -3.0, 0.5])
def test_a_number_of_evaluations_is_at_least_one(wrong):
    with pytest.raises(DataError, match="averaged"):
        encode(make_spec("power_law"), table().assign(averaged=[wrong, *COUNTS[1:]]))


def test_accuracies_are_told_to_use_n_items():
    frame = simulated.benchmarks(runs=4).assign(averaged=3.0)
    _, rows = encode(simulated.crossed_spec(), frame)
    assert "averaged" not in rows.inputs
    assert any("averaged says nothing of accuracy" in notice for notice in rows.notices)


def test_noise_of_one_evaluation_is_found_from_means_and_only_with_their_number():
    rng = np.random.default_rng(3)
    frame = table(rng, rows=120)
    spec, rows = encode(make_spec("power_law", noise={"observation": "normal"}), frame)
    sampler = Sampler(spec, rows)
    settings = SamplerSettings(draws=400, tune=400, chains=1)
    found = sampler.sample(settings, seed=1)["posterior"]["sigma"].to_numpy()
    assert abs(found.mean() - SIGMA) < 4 * SIGMA / np.sqrt(2 * len(frame))  # its standard error
    _, raw = encode(spec, frame.assign(averaged=1.0))
    without = sampler.sample(settings, seed=1, rows=raw)["posterior"]["sigma"].to_numpy()
    root_mean = SIGMA * np.sqrt(np.mean(1 / COUNTS))
    assert abs(without.mean() - root_mean) < 8 * SIGMA / np.sqrt(2 * len(frame))  # heavy-tailed scatter
    assert without.mean() < 0.8 * SIGMA
    _, other = encode(spec, frame.drop(columns="averaged"))
    with pytest.raises(FitError, match="averaged"):
        sampler.sample(settings, seed=1, rows=other)
