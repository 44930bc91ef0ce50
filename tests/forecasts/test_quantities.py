"""Laws with columns and quantities of their own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import simulated

import bayes_scaling as bs
from bayes_scaling import laws
from bayes_scaling.data.columns import Column
from bayes_scaling.errors import CardError, DataError, ForecastError
from bayes_scaling.forecasts.scales import together
from bayes_scaling.laws import Citation, Input, Law, Parameter, Prior, Quantity, base
from bayes_scaling.model import make_spec


class Bowl(Law):
    """A bowl of log loss in the logarithm of a learning rate."""

    name = "bowl_of_tests"
    title = "A bowl"
    formula = "L = E\\,e^{c\\,\\log^2(\\eta / \\eta_0)}"
    citation = Citation("nobody", 2026, "a test")
    outcome = "loss"
    inputs = (
        Input("lr", "1", "peak learning rate", reference=1e-3, high=1.0),
        Input("share", "", "share of code", kind="fraction", low=0.0, high=1.0),
    )
    parameters = (
        Parameter("E", "E", "loss at the best rate", "positive", "floor", Prior("lognormal", median=2, upper95=4)),
        Parameter("c", "c", "curvature", "positive", "slope", Prior("lognormal", median=0.05, upper95=0.2)),
        Parameter("shift", "s", "best rate over the reference", "real", "offset", Prior("normal", mean=0, sd=2)),
    )
    quantities = (
        Quantity("best_rate", "best learning rate", "1", (Input("share", "", "share of code", low=0.0, high=1.0),)),
    )

    def mean(self, xp, *, lr, share, E, c, shift):
        return E * xp.exp(c * (xp.log(lr / self.reference["lr"]) - shift) ** 2) + 0.1 * share

    def best_rate(self, xp, *, share, E, c, shift):
        return self.reference["lr"] * xp.exp(shift) + 0 * share

    def check_values(self, frame):
        if "share" in frame and (frame["share"] > 0.9).any():
            raise DataError("row 3: too much code")


@pytest.fixture(scope="module", autouse=True)
def _known():
    laws.register(Bowl)
    yield
    base_known = laws._REGISTERED
    del base_known["bowl_of_tests"]


@pytest.fixture(scope="module")
def runs():
    law, rng = Bowl(), np.random.default_rng(1)
    frame = pd.DataFrame(law.example(40)).assign(share=np.linspace(0, 0.8, 40))
    planted = {"E": 2.5, "c": 0.04, "shift": 0.7}
    at = {"lr": frame["lr"].to_numpy(), "share": frame["share"].to_numpy()}
    loss = law.mean(laws.backend.numpy_backend(), **at, **planted)
    return frame.assign(loss=loss * np.exp(0.005 * rng.standard_normal(40)))


@pytest.fixture(scope="module")
def fit(runs):
    model = bs.ScalingModel("bowl_of_tests")
    return model.fit(runs.rename(columns={"lr": "lr"}), random_seed=1, progressbar=False)


def test_a_law_declares_columns_that_the_vocabulary_lacks():
    assert Bowl().columns == (
        Column("lr", "peak learning rate", "1", "positive", high=1.0),
        Column("share", "share of code", "", "fraction", low=0.0, high=1.0),
    )


def test_its_example_lies_within_limits_and_is_spread():
    found = Bowl().example(50)
    assert min(found["lr"]) < 3e-5
    assert max(found["lr"]) <= 0.1
    assert 0 < min(found["share"]) < 0.05 < 0.95 < max(found["share"]) < 1
    assert base.radical_inverse(6, 2) == 0.375  # 110 mirrored is .011


def test_a_quantity_has_an_interval_about_what_was_planted(fit):
    found = bs.quantity(fit, "best_rate", {"share": [0.1, 0.5]})
    truth = 1e-3 * np.exp(0.7)
    z = (np.log(found.draws[:, 0]).mean() - np.log(truth)) / np.log(found.draws[:, 0]).std()
    assert abs(z) < 4
    assert set(found.table["interval"]) == {"eti"}
    assert len(found.table) == 4
    assert found.note == "best learning rate"
    np.testing.assert_array_equal(found.draws[:, 0], found.draws[:, 1])
    assert bs.forecast(fit, {"lr": 2e-3, "share": 0.2}).draws.shape[1] == 1


def test_inputs_outside_the_fitted_range_are_named(fit, runs):
    most = runs["lr"].max()
    points = {"lr": [3 * most, most, runs["lr"].min() / 2, most], "share": [0.2, 0.85, 0.85, 0.8]}
    made = bs.forecast(fit, points, draws=20)
    assert made.extrapolation == (
        "lr 3 times the largest", "share 0.85 outside the fitted 0 to 0.8",
        "lr 1/2 of the smallest and share 0.85 outside the fitted 0 to 0.8", "inside the runs",
    )  # fmt: skip
    asked = bs.quantity(fit, "best_rate", {"share": [0.1, 0.9]})
    assert asked.extrapolation == ("inside the runs", "share 0.9 outside the fitted 0 to 0.8")
    told = repr(asked).replace("\n", " ")
    assert told.endswith("note: 1 of 2 points lies outside the fitted runs: share 0.9 outside the fitted 0 to 0.8")
    once, other = replace(made, extrapolation=("a", "inside the runs")), replace(made, extrapolation=("a and b", "b"))
    assert together([once.extrapolation, other.extrapolation, ()]) == ("a and b", "b")


@pytest.mark.parametrize("column", ["params", "compute"])
def test_a_general_scale_is_asked_by_the_name_of_its_column(column):
    law = laws.get("exact_match").reading(scale=column)
    runs = pd.DataFrame(law.example(12)).assign(accuracy=0.5)
    fit = simulated.fit_of(make_spec(law), runs, draws=50)
    assert law.quantity("scale_needed").unit == {"params": "params", "compute": "FLOP"}[column]
    at = runs[column].max()
    made = bs.quantity(fit, "token_accuracy", {column: [at, 2 * at]})
    np.testing.assert_array_equal(made.draws, bs.quantity(fit, "token_accuracy", {"scale": [at, 2 * at]}).draws)
    assert made.extrapolation[0] == "inside the runs"
    assert "2 times the largest" in made.extrapolation[1]
    with pytest.raises(ForecastError, match=f"asked of '{column}'"):
        bs.quantity(fit, "token_accuracy")
    with pytest.raises(ForecastError, match=f"scale and {column}, which are the same"):
        bs.quantity(fit, "token_accuracy", {column: at, "scale": at})


def test_a_proportion_that_points_lack_is_not_taken_for_one_that_they_have():
    law = laws.get("mixing")
    fit = simulated.fit_of(make_spec(law), pd.DataFrame(law.example(12)).assign(loss=2.0), draws=20)
    with pytest.raises(ForecastError, match="lack p_books") as error:
        bs.forecast(fit, {"p_web": 0.3, "p_code": 0.7})
    assert "Rename" not in str(error.value)
    with pytest.raises(ForecastError, match=r"domain = 4, 'web' in points 1, 2; .* at most 3 .*1 web, 2 code, 3 books"):
        bs.quantity(fit, "optimal_share", {"domain": [1, 4, "web"]})
    assert repr(bs.quantity(fit, "optimal_share", {"domain": 1})).startswith("<Forecast of optimal_share (fraction),")


def test_wrong_questions_say_what_is_expected(fit):
    with pytest.raises(CardError, match=r"no quantity 'best_rat'.*Did you mean 'best_rate'"):
        bs.quantity(fit, "best_rat")
    with pytest.raises(ForecastError, match=r"asked of 'share' \(share of code"):
        bs.quantity(fit, "best_rate")
    with pytest.raises(ForecastError, match=r"share = 1.5 in point 1; expected numbers at least 0.*at most 1"):
        bs.quantity(fit, "best_rate", {"share": [0.5, 1.5]})


def test_wrong_tables_name_columns_rows_and_meaning(runs):
    model = bs.ScalingModel("bowl_of_tests")
    with pytest.raises(DataError, match=r"lr.*\(peak learning rate\)"):
        model.fit(runs.drop(columns="lr"), progressbar=False)
    with pytest.raises(DataError, match=r"column 'lr', row 2.*at most 1"):
        model.fit(runs.assign(lr=np.where(runs.index == 2, 30.0, runs["lr"])), progressbar=False)
    with pytest.raises(DataError, match="row 3: too much code"):
        model.fit(runs.assign(share=0.95), progressbar=False)
