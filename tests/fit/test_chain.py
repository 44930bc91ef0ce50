"""A chain: two stages fitted, told, kept and forecast as one; draws are passed on, never plugged in."""

import numpy as np
import pandas as pd
import pytest
import simulated

import bayes_scaling as bs
from bayes_scaling.errors import CardError, DataError, ForecastError
from bayes_scaling.fit import SamplerSettings, sample_chain
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import make_spec

MAP = {"floor": 0.2, "share": 0.2, "decay": 0.7, "precision": 3000.0}
SIGMOID = {"level": 0.5, "slope": 2.0, "floor": 0.2, "ceiling": 0.9, "precision": 3000.0}
POINTS = {"family": ["ant", "bee", "cat"], "params": [1e11], "tokens": [2e12]}


def runs(seed=0, **options):
    """Return the ladder with an accuracy that follows its measured loss, and a run's name."""
    frame, rng = simulated.ladder(seed=seed, **options), np.random.default_rng(seed + 1)
    law = bs.laws.get("loss_exponential")
    mean = law.mean(numpy_backend(), loss=frame["loss"].to_numpy(), **{k: MAP[k] for k in ("floor", "share", "decay")})
    frame["accuracy"] = rng.beta(mean * MAP["precision"], (1 - mean) * MAP["precision"])
    return frame.assign(run=[f"r{i}" for i in range(len(frame))])


def tasks():
    """Return a row per run and task: two tasks with sigmoids, one of which begins at lower losses."""
    rows = runs()
    return bs.task_table(
        rows.assign(err_near=1 - rows["accuracy"], err_far=1 - rows["accuracy"] / 2),
        errors={"near": "err_near", "far": "err_far"},
    )


def made_up(law="loss_exponential", *, frame=None, values=None, loss_values=None, then=None, draws=200):
    """Return a chain whose draws are chosen, or the prior's; nothing is sampled."""
    frame = runs() if frame is None else frame
    loss = make_spec("chinchilla", groups=["family"], pooling={"A_ref": "complete", "B_ref": "complete"})
    first = simulated.fit_of(loss, runs(), loss_values, draws=draws)
    second = simulated.fit_of(make_spec(law, **(then or {})), frame, values, draws=draws, seed=1)
    return bs.ChainFit(first, second, {"title": "made up", "card": None})


@pytest.fixture(scope="module")
def chain(spec):
    """A chain that is sampled, both stages, with the truth of the simulation known."""
    settings = SamplerSettings(draws=750, tune=750, chains=2, adaptation="diag", target_accept=0.95)
    then = make_spec("loss_exponential")
    return sample_chain(spec, then, runs(), settings=settings, random_seed=3, progressbar=False, title="planted")


def test_planted_truth_is_recovered_in_both_stages(chain):
    for fit, truth in (
        (chain.loss, {k: simulated.TRUTH[k] for k in ("alpha", "beta", "sigma")}),
        (chain.accuracy, MAP),
    ):
        values = fit.values()
        for name, true in truth.items():
            draws = np.log(values[name])
            assert abs(draws.mean() - np.log(true)) < 4 * draws.std(), name
    assert not chain.diagnose().table()["name"].duplicated().any()
    assert set(chain.summary()["stage"]) == {"loss", "accuracy"}
    assert "law chinchilla" in repr(chain)
    assert "law loss_exponential" in repr(chain)


def test_forecasts_far_beyond_hold_the_truth(chain):
    made = bs.forecast(chain, POINTS, kind="law", levels=(0.9,))
    floors = np.array([simulated.FLOORS[f] for f in POINTS["family"]])
    loss = floors + 0.4 * 100 ** -simulated.TRUTH["alpha"] + 0.45 * 100 ** -simulated.TRUTH["beta"]
    true = MAP["floor"] + (1 - MAP["floor"]) * MAP["share"] * np.exp(-MAP["decay"] * (loss - 3))
    assert (np.abs(made.draws.mean(axis=0) - true) < 4 * made.draws.std(axis=0)).all()
    assert made.outcome == "accuracy"
    told = bs.forecast(chain, POINTS, outcome="loss", kind="law")
    np.testing.assert_allclose(made.points["loss"], np.median(told.draws, axis=0))
    assert (bs.forecast(chain, POINTS).draws.var(axis=0) > made.draws.var(axis=0)).all(), "noise of both stages adds"


def test_every_draw_of_the_loss_goes_through_the_map():
    values = simulated.constant(400, **MAP)
    made_of = made_up(values=values)
    losses = bs.forecast(made_of, POINTS, outcome="loss", kind="law").draws
    made = bs.forecast(made_of, POINTS, kind="law")
    law = bs.laws.get("loss_exponential")
    fixed = {k: MAP[k] for k in ("floor", "share", "decay")}
    np.testing.assert_allclose(made.draws, law.mean(numpy_backend(), loss=losses, **fixed), rtol=1e-6)
    plugged = law.mean(numpy_backend(), loss=np.median(losses, axis=0), **{k: values[k][:, None] for k in fixed})
    assert (made.draws.var(axis=0) > 100 * plugged.var(axis=0)).all()


def test_measured_losses_pass_with_their_noise():
    quiet = simulated.constant(400, **{**MAP, "precision": 1e9})
    made_of = made_up(values=quiet)
    law, response = (bs.forecast(made_of, POINTS, kind=k).draws for k in ("law", "response"))
    assert np.corrcoef(law[:, 0], response[:, 0])[0, 1] > 0.5
    assert (np.abs(law - response) > 1e-6).mean() > 0.9, "the noise of the loss reaches the accuracy"


def test_stages_with_other_numbers_of_draws_are_paired():
    made_of = made_up(values=simulated.constant(400, **MAP))
    short = bs.ChainFit(made_of.loss.thinned(100), made_of.accuracy, made_of.meta)
    assert bs.forecast(short, POINTS).draws.shape == (100, 3)
    assert bs.forecast(made_of, POINTS, draws=50).draws.shape == (50, 3)


def test_tasks_of_one_run_share_its_loss():
    then = {"groups": ["task"], "pooling": {"share": {"task": "none"}, "floor": "complete"}}
    same = np.full((400, 2), MAP["share"]) * (1 + 1e-12 * np.random.default_rng(0).standard_normal((400, 2)))
    values = {**simulated.constant(400, floor=0.2, decay=0.7, precision=1e9), "share": same}
    made_of = made_up(frame=tasks(), then=then, values=values)
    assert made_of.accuracy.spec.noise.run_effect, "tasks of one run share an effect"
    made = bs.forecast(made_of, POINTS)
    assert made.points["task"].tolist() == ["far", "near"] * 3
    np.testing.assert_allclose(made.draws[:, 0], made.draws[:, 1], atol=1e-3)
    one = bs.forecast(made_of, {**POINTS, "task": ["near"]})
    assert one.draws.shape[1] == 3
    with pytest.raises(ForecastError, match="Did you mean 'near'"):
        bs.forecast(made_of, {**POINTS, "task": ["nera"]})


def test_a_new_family_is_drawn_for_both_stages():
    made_of = made_up(then={"groups": ["family"]})
    new = {"family": "dog", "params": 1e11, "tokens": 2e12}
    with pytest.raises(ForecastError, match="dog"):
        bs.forecast(made_of, new)
    made = bs.forecast(made_of, new, new_groups="population")
    assert made.points["new_levels"].tolist() == ["family"]


def test_a_chain_is_kept_in_one_file(tmp_path):
    made_of = made_up()
    again = bs.load(made_of.save(tmp_path / "chain.nc"))
    assert isinstance(again, bs.ChainFit)
    np.testing.assert_array_equal(bs.forecast(again, POINTS).draws, bs.forecast(made_of, POINTS).draws)
    assert again.title == "made up"
    for name, fit in made_of.stages.items():
        pd.testing.assert_frame_equal(again.stages[name].frame, fit.frame)


def test_a_failed_stage_marks_the_chain():
    good = made_up()
    bad = simulated.fit_of(make_spec("loss_exponential"), runs(), draws=200, diverging=5)
    made_of = bs.ChainFit(good.loss, bad, good.meta)
    assert "accuracy stage: divergences" in bs.forecast(made_of, POINTS).banner
    assert any(p.startswith("accuracy stage: divergences") for p in made_of.diagnose().problems)


# ---- within reach -------------------------------------------------------------------------------


def test_reachable_compares_inflection_and_floor():
    """L_0 = 3 + 0.5 / 2 = 3.25 lies above every floor; with a level of -3 it is 1.5, below all of them."""
    then = {"groups": ["task"], "pooling": {"level": {"task": "none"}}}
    rng = np.random.default_rng(0)
    levels = np.array([[-3.0, 0.5]]) + 1e-9 * rng.standard_normal((400, 2))
    values = {**simulated.constant(400, **{k: v for k, v in SIGMOID.items() if k != "level"}), "level": levels}
    floors = np.log([1.6 / 1.7, 1.0, 1.85 / 1.7]) + 1e-9 * rng.standard_normal((400, 3))
    made_of = made_up(
        "loss_sigmoid", frame=tasks(), then=then, values=values,
        loss_values={**simulated.constant(400, E=1.7), "E_family_effect": floors},
    )  # fmt: skip
    table = bs.reachable(made_of).set_index(["task", "family"])
    assert table.loc[("near", "ant"), "L_0"] == pytest.approx(3.25, abs=1e-6)
    assert table.loc[("far", "cat"), "L_0"] == pytest.approx(1.5, abs=1e-6)
    assert table.loc[("near", "cat"), "E"] == pytest.approx(1.85, abs=1e-6)
    assert (table.loc["near", "p_reachable"] == 1).all()
    assert (table.loc["far", "p_reachable"] == 0).all()
    assert (table["mcse"] == 1 / 400).all(), "certainty is not claimed of finitely many draws"


def test_reachable_has_a_monte_carlo_error():
    made_of = made_up("loss_sigmoid", loss_values=None, draws=500)
    table = bs.reachable(made_of)
    p, error = table["p_reachable"].iloc[0], table["mcse"].iloc[0]
    assert 0 < p < 1
    assert error == pytest.approx(np.sqrt(p * (1 - p) / 1000), rel=0.5), "prior draws are independent"


def test_reachable_needs_an_inflection():
    with pytest.raises(ForecastError, match=r"no inflection loss L_0.*loss_sigmoid"):
        bs.reachable(made_up())


# ---- what does not make a chain -----------------------------------------------------------------


def test_models_that_do_not_make_a_chain():
    loss, accuracy = bs.ScalingModel("chinchilla"), bs.ScalingModel("loss_sigmoid")
    assert "then loss_sigmoid" in repr(loss.then(accuracy))
    with pytest.raises(CardError, match="gives loss; law loss_sigmoid describes accuracy"):
        accuracy.then(accuracy)
    with pytest.raises(CardError, match="reads loss and gives accuracy; law sigmoid does not"):
        loss.then(bs.ScalingModel("sigmoid"))
    departing = bs.ScalingModel("loss_sigmoid", noise={"discrepancy": "ou"})
    with pytest.raises(CardError, match="known beforehand"):
        loss.then(departing)


def test_rows_without_loss_or_accuracy():
    model = bs.ScalingModel("chinchilla").then(bs.ScalingModel("loss_sigmoid"))
    with pytest.raises(DataError, match=r"needs column 'accuracy'.*task_table"):
        model.fit(simulated.ladder())
    with pytest.raises(DataError, match="needs column 'loss'"):
        model.fit(runs(), runs().drop(columns="loss"))


def test_outcomes_of_a_chain():
    made_of = made_up()
    with pytest.raises(ForecastError, match="Did you mean 'accuracy'"):
        bs.forecast(made_of, POINTS, outcome="acuracy")
    with pytest.raises(ForecastError, match="this fit describes loss"):
        bs.forecast(made_of.loss, POINTS, outcome="accuracy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"errors": {"t": "eror"}}, r"lacks. Did you mean 'error'"),
        ({"errors": {"t": "percent"}}, r"'percent' of task 't' holds .*these look like percent"),
        ({"errors": {"t": "error"}, "accuracies": {"t": "error"}}, "name each once"),
    ],
)
def test_task_columns_are_checked(options, message):
    frame = runs().drop(columns="accuracy").assign(error=0.4, percent=40.0)
    with pytest.raises(DataError, match=message):
        bs.task_table(frame, **options)


def test_task_table_has_a_row_per_run_and_task():
    frame = runs().drop(columns="accuracy").assign(e=0.4, a=0.7)
    frame.loc[0, "a"] = np.nan
    made = bs.task_table(frame, errors={"arc_easy": "e"}, accuracies={"hellaswag": "a"})
    assert len(made) == 2 * len(frame) - 1
    assert made.groupby("task")["accuracy"].first().round(12).to_dict() == {"arc_easy": 0.6, "hellaswag": 0.7}
    assert made.groupby("task")["chance"].first().to_dict() == {"arc_easy": 0.25, "hellaswag": 0.25}
    assert "e" not in made
    with pytest.raises(DataError, match="no column 'accuracy'"):
        bs.task_table(frame)
    assert bs.task_table(runs()).equals(runs())


def test_a_law_of_other_sizes_is_drawn_along_a_path():
    """Parameters without the embedding follow their ratio among the fitted runs."""
    from bayes_scaling.plots.tables import curve_table

    frame = simulated.ladder(per_family=5)
    frame = frame.assign(matmul_params=0.8 * frame["params"], compute=6 * frame["params"] * frame["tokens"])
    spec = make_spec("chinchilla", inputs={"params": "matmul_params"}, reference={"params": 1e9, "tokens": 2e10})
    table = curve_table(simulated.fit_of(spec, frame), points=5)
    np.testing.assert_allclose(table["matmul_params"] / table["params"], 0.8, rtol=1e-12)
