"""Every public plot keeps the contract: ax= goes in, (figure, axes) comes out, a failed fit says so."""

import inspect
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import simulated
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_scaling import check, plan, plots
from bayes_scaling.check import Loo
from bayes_scaling.compare import LawComparison, Sensitivity, contrasts, ranking, score, skills
from bayes_scaling.errors import CardError, ForecastError
from bayes_scaling.fit import failure_banner
from bayes_scaling.forecasts import compute_to_reach, forecast, grid
from bayes_scaling.laws import Prior
from bayes_scaling.model import make_spec
from bayes_scaling.plan import compare_recipes, next_run
from bayes_scaling.plots import style, tables

PUBLIC = [name for name in plots.__all__ if name != "tables"]
OF_NO_FIT = ("law_curves",)  # such a plot has no banner


@pytest.fixture(scope="module")
def loss_fit():
    """A loss fit whose draws are the prior's, with one divergence: its diagnostics fail."""
    spec = make_spec("chinchilla", groups=["family"])
    return simulated.fit_of(spec, simulated.ladder(), draws=60, diverging=1)


@pytest.fixture(scope="module")
def accuracy_fit():
    """An accuracy fit with crossed groups, of prior draws."""
    return simulated.fit_of(simulated.crossed_spec(), simulated.benchmarks(), draws=60)


@pytest.fixture(scope="module")
def curves_fit():
    """Twenty runs with a departure each, of prior draws, with one divergence."""
    compute = np.geomspace(1e19, 1e21, 6)
    runs = [pd.DataFrame({"run": f"run {i:02}", "compute": compute, "loss": 2.5 - 0.01 * i}) for i in range(20)]
    spec = make_spec("power_law", noise={"discrepancy": "ou"})
    return simulated.fit_of(spec, pd.concat(runs, ignore_index=True), draws=60, diverging=1)


@pytest.fixture(scope="module")
def capability_fit():
    """Two skills of three families on two benchmarks, of prior draws, with one divergence."""
    frame = simulated.benchmarks()
    options = {"scale": "compute", "skills": 2, "anchors": ["beta_qa"]}
    spec = make_spec("capability", options=options, groups=["family", "task", "run"], noise={"run_effect": False})
    return simulated.fit_of(spec, frame, draws=60, diverging=1)


@pytest.fixture(scope="module")
def made_loo():
    """A leave-one-out result with one bad unit, not computed."""
    table = pd.DataFrame(
        [{"elpd": 1.0, "se": 0.1, "p_loo": 2.0, "units": 20, "unit": "run", "good_k": 0.6, "bad_k": 1}]
    )
    k = np.linspace(-0.1, 0.55, 20)
    k[3] = 0.9
    return Loo(table, pd.DataFrame({"unit": [f"ant|run {i}" for i in range(20)], "elpd": 0.0, "pareto_k": k}))


def under_two_sets(answer, banner):
    """Return a sensitivity that was not computed: a forecast, and the same a little higher under a second set."""
    base = answer.tabulate([0.9]).assign(set="declared", point=range(1, 5), shift=0.0, mcse_shift=0.0)
    higher = base.assign(set="one_half", shift=0.2, **{c: base[c] + 0.1 for c in ("median", "lower", "upper")})
    sets = pd.DataFrame({"set": ["declared", "one_half"], "against": ["", "it has alpha near 0.5"], "usable": False})
    nothing = pd.DataFrame()
    columns = tuple(answer.points.columns)
    return Sensitivity(
        pd.concat([base, higher]), sets, nothing, nothing, "declared", "response", "loss", 0.9, columns, banner=banner
    )


@pytest.fixture(scope="module")
def calls(loss_fit, accuracy_fit, curves_fit, capability_fit, made_loo):
    """A call of every public plot: name -> function of the keyword arguments."""
    w = failure_banner(loss_fit)
    before = check.prior_predictive(loss_fit.spec, loss_fit.frame, draws=50)
    after = check.posterior_predictive(loss_fit, draws=50)
    answer = forecast(loss_fit, grid(family=["ant", "bee"], compute=[1e23, 1e24]), tokens_per_param=20)
    reached = compute_to_reach(loss_fit, [1.0, 3.0], {"family": ["ant", "bee"]}, tokens_per_param=20, draws=30)
    pairs = contrasts(loss_fit, at={"compute": 1e23}, tokens_per_param=20)
    ranks = ranking(loss_fit, at={"compute": 1e23}, tokens_per_param=20)
    pit = pd.DataFrame({"loo_pit": np.linspace(0.01, 0.99, 40)})
    scores = score(loss_fit, loss_fit.frame)
    split = plan.allocation(loss_fit, [1e19, 1e21], groups={"family": "ant"})
    growth = plan.growth_of(Prior("lognormal", median=6.0, upper95=9.0), 1e25, "2025-01-01")
    goals = plan.to_reach(loss_fit, [1.0, 3.0], groups={"family": "ant"}, growth=growth, draws=30)
    spent = plan.frontier(loss_fit, [1e19, 1e21], groups={"family": "ant"})
    left = plan.outlook(loss_fit, [1e19, 1e21], groups={"family": "ant"}, growth=growth)
    judged = plan.regret(split, [20, "median"])
    runs, large = grid(family="ant", params=[1e8, 1e9], tokens=[2e9, 2e10]), {"params": 1e11, "tokens": 2e12}
    planned = next_run(loss_fit, runs, target={"family": "ant", **large}, check=0)
    rank = {"usable": [True, False], "elpd_diff": [0.0, 3.0], "elpd_diff_se": [0.0, 1.0], "left_out": ""}
    ranked = LawComparison(pd.DataFrame({"law": ["kaplan", "m2"], **rank}), {}, {}, {}, None, (), (), "loss", "")
    compared = compare_recipes(loss_fit, ["ant", "bee"], at={"compute": 1e23}, tokens_per_param=20)
    return {
        "plan_isoflop": lambda **k: plots.plan_isoflop(split, **k),
        "plan_regret": lambda **k: plots.plan_regret(judged, **k),
        "plan_frontier": lambda **k: plots.plan_frontier(spent, **k),
        "plan_target": lambda **k: plots.plan_target(goals, **k),
        "plan_outlook": lambda **k: plots.plan_outlook(left, **k),
        "prior_predictive": lambda **k: plots.prior_predictive(before, warning=w, **k),
        "posterior_predictive": lambda **k: plots.posterior_predictive(after, by="family", warning=w, **k),
        "residuals": lambda **k: plots.residuals(after, against="params", warning=w, **k),
        "law_comparison": lambda **k: plots.law_comparison(ranked, show=["loo"], **k),
        "loo_k": lambda **k: plots.loo_k(made_loo, warning=w, **k),
        "loo_pit": lambda **k: plots.loo_pit(pit, warning=w, **k),
        "pit": lambda **k: plots.pit(scores, **k),
        "law_curves": lambda **k: plots.law_curves("power_law", **k),
        "curve": lambda **k: plots.curve(loss_fit, x="params", constants=("besiroglu2024",), draws=30, **k),
        "forecast": lambda **k: plots.forecast(answer, fit=loss_fit, **k),
        "reach": lambda **k: plots.reach(reached, **k),
        "departures": lambda **k: plots.departures(curves_fit, paths=["run 03"], **k),
        "parameters_by_group": lambda **k: plots.parameters_by_group(loss_fit, "E", **k),
        "contrasts": lambda **k: plots.contrasts(pairs, **k),
        "ranking": lambda **k: plots.ranking(ranks, **k),
        "posterior": lambda **k: plots.posterior(loss_fit, var_names=["E"], **k),
        "next_run": lambda **k: plots.next_run(planned, **k),
        "recipes": lambda **k: plots.recipes(compared, **k),
        "sensitivity": lambda **k: plots.sensitivity(under_two_sets(answer, w), **k),
        "plot_skills": lambda **k: plots.plot_skills(capability_fit, **k),
        "plot_loadings": lambda **k: plots.plot_loadings(capability_fit, **k),
    }


def test_every_public_plot_is_covered(calls):
    assert sorted(calls) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_signature(name):
    parameters = inspect.signature(getattr(plots, name)).parameters
    assert parameters["ax"].default is None
    kinds = [p.kind for p in parameters.values()]
    assert kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert kinds[-1] is inspect.Parameter.KEYWORD_ONLY


def test_settings_made_by_the_first_figure_stay():
    """A notebook's back end turns `interactive` on with the first figure, which may be one of ours."""
    before, size = mpl.rcParams["interactive"], mpl.rcParams["font.size"]
    try:
        with style.context():
            mpl.rcParams["interactive"] = True
            mpl.rcParams["font.size"] = 3.0
        assert mpl.rcParams["interactive"]
        assert mpl.rcParams["font.size"] == size
    finally:
        mpl.rcParams["interactive"] = before


@pytest.mark.parametrize("name", PUBLIC)
def test_returns_figure_and_axes_with_banner(name, calls):
    before = dict(mpl.rcParams)
    figure, axes = calls[name]()
    figure.canvas.draw()
    assert isinstance(figure, Figure)
    assert all(isinstance(a, Axes) for a in np.ravel(axes))
    assert ("FIT NOT USABLE" in banner_of(figure)) == (name not in OF_NO_FIT)
    sizes = [t.get_fontsize() for a in np.ravel(axes) for t in [*a.get_xticklabels(), a.title, a.xaxis.label]]
    assert min(sizes) >= 9
    assert dict(mpl.rcParams) == before
    plt.close(figure)


@pytest.mark.parametrize("name", PUBLIC)
def test_draws_on_given_axes(name, calls):
    figure, given = plt.subplots()
    found, axes = calls[name](ax=given)
    figure.canvas.draw()
    assert found is figure
    assert np.ravel(axes)[0] is given
    assert plt.get_fignums() == [figure.number]
    assert ("FIT NOT USABLE" in banner_of(figure)) == (name not in OF_NO_FIT)
    plt.close(figure)


def banner_of(figure):
    texts = [t for t in figure.findobj(mpl.text.Text) if t.get_gid() == "fit-warning"]
    return " ".join(t.get_text() for t in texts).replace("\n", " ")


@pytest.mark.parametrize("name", ["prior_predictive", "posterior_predictive", "residuals"])
def test_predictive_plots_take_a_fit(name, loss_fit):
    options = {"against": "params"} if name == "residuals" else {}
    figure, _ = getattr(plots, name)(loss_fit, **options)
    assert "FIT NOT USABLE" in banner_of(figure)
    plt.close(figure)


@pytest.mark.parametrize(
    "name",
    ["forecast", "reach", "contrasts", "ranking", "law_comparison", "loo_k", "loo_pit", "plan_isoflop", "plan_target"],
)
def test_other_plots_name_the_call_that_makes_their_argument(name, loss_fit):
    with pytest.raises(ForecastError, match=rf"found a Fit, expected a \w+: plots.{name}\("):
        getattr(plots, name)(loss_fit)


def test_published_constants_are_drawn_on_request(loss_fit):
    for constants, expected in (((), 0), (("besiroglu2024",), 1)):
        figure, axes = plots.posterior(loss_fit, var_names=["E"], constants=constants)
        labels = axes[0].get_legend_handles_labels()[1]
        assert sum("published" in text for text in labels) == expected
        plt.close(figure)
    with pytest.raises(CardError, match="Did you mean 'besiroglu2024'"):
        plots.posterior(loss_fit, constants=("besiroglu",))


def test_accuracy_is_drawn_as_percent(accuracy_fit):
    figure, axes = plots.curve(accuracy_fit, groups={"family": ["ant"], "task": ["alpha_qa"], "protocol": ["0-shot"]})
    figure.canvas.draw()
    assert all("%" in t.get_text() for t in axes.get_yticklabels())
    assert axes.get_ylim()[1] <= 1.02
    plt.close(figure)


def test_curve_marks_where_the_data_end(loss_fit):
    figure, axes = plots.curve(loss_fit, x="params", draws=30)
    ends = [
        line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2
    ]
    assert loss_fit.frame["params"].max() in ends
    plt.close(figure)


def test_curve_table_is_the_law(loss_fit):
    table = tables.curve_table(
        loss_fit, x="tokens", tokens_per_param=20, points=5, draws=None, constants=("hoffmann2022",)
    )
    np.testing.assert_allclose(table["tokens"], 20 * table["params"])
    direct = forecast(loss_fit, table[["family", "params", "tokens"]], kind="law").median
    np.testing.assert_allclose(table["median"], direct)
    law = 1.69 + 406.4 * table["params"] ** -0.34 + 410.7 * table["tokens"] ** -0.28
    np.testing.assert_allclose(table["constants_hoffmann2022"], law, rtol=1e-6)


def test_too_many_curves_and_unknown_scale_are_errors(loss_fit, accuracy_fit):
    with pytest.raises(ForecastError, match="at most 6"):
        plots.curve(loss_fit, groups=pd.DataFrame({"family": ["ant"] * 7}))
    with pytest.raises(ForecastError, match="compute"):
        plots.curve(accuracy_fit, x="params")
    with pytest.raises(ForecastError, match="found"):
        plots.posterior(loss_fit, var_names=["alfa"])


def test_posterior_of_a_variable_with_levels(accuracy_fit):
    figure, axes = plots.posterior(accuracy_fit)
    assert len(axes) == 3  # C_50 has a level per task
    plt.close(figure)
    with pytest.raises(ValueError, match="panels"):
        plots.posterior(accuracy_fit, ax=plt.figure().subplots())
    plt.close("all")


def test_pit_band_holds_uniform_values_and_not_narrow_ones():
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(60):
        table = tables.pit_table(rng.random(80))
        inside.append(table["difference"].between(table["lower"] - 1e-12, table["upper"] + 1e-12).all())
    assert np.mean(inside) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 60)
    table = tables.pit_table(rng.beta(5, 5, 80))
    assert not table["difference"].between(table["lower"], table["upper"]).all()


def test_pit_histogram_by_hand():
    table = tables.pit_histogram(np.array([0.0, 0.1, 0.3, 0.6, 1.0]), bins=2)
    assert table["count"].tolist() == [3, 2]
    assert table["expected"].tolist() == [2.5, 2.5]
    assert (table["lower"][0], table["upper"][0]) == (1, 4), "binomial(5, 1/2): P(0) = P(5) = 1/32"
    with pytest.raises(ForecastError, match="between 0 and 1"):
        tables.pit_histogram(np.array([0.5, np.nan]))
    with pytest.raises(ForecastError, match="no column 'pit'"):
        plots.pit(pd.DataFrame({"loo_pit": [0.5]}))


def test_bins_hold_every_row(loss_fit):
    predictive = check.posterior_predictive(loss_fit, draws=20)
    table = tables.binned(predictive, x="params", bins=6)
    assert table["rows"].sum() == len(loss_fit.frame)
    assert (table["q05"] <= table["q95"]).all()


def test_infinite_ends_become_arrows():
    figure, axes = plt.subplots()
    axes.set_xlim(0, 10)
    style.intervals(axes, [0, 1, 2], [1, 2, np.nan], [3, np.inf, np.nan], color="black", width=1)
    assert [line.get_marker() for line in axes.lines].count(">") == 1
    assert len(axes.lines) == 3  # two bars and one arrow; nothing for what is not reached at all
    plt.close(figure)


def test_departures_have_a_panel_per_path(curves_fit):
    figure, axes = plots.departures(curves_fit)
    figure.canvas.draw()
    assert len(axes) == 12
    assert axes[0].get_ylim() == axes[2].get_ylim()  # one line shares its axis
    assert [a.get_xlabel() for a in axes if a.get_xlabel()] == ["training compute C (FLOP)"]
    names = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "departure given the rows, 90 % equal-tailed" in names
    plt.close(figure)
    with pytest.raises(ForecastError, match="13 paths; expected 1 to 12"):
        plots.departures(curves_fit, paths=[f"run {i:02}" for i in range(13)])


def test_names_lose_what_all_of_them_begin_with():
    assert style.level_names(["IC|a/1", "IC|b|2"]) == ["a/1", "b 2"]
    assert style.level_names(["ant", "bee"]) == ["ant", "bee"]
    assert style.level_names(["ant|x"]) == ["ant x"]


def test_plots_of_skills_show_their_tables(capability_fit):
    table = skills(capability_fit, by="family", skill=2, level=0.5)
    figure, axes = plots.plot_skills(capability_fit, by="family", skill=2, level=0.5)
    dots = next(line for line in axes.lines if line.get_linestyle() == "None")
    np.testing.assert_allclose(dots.get_xdata(), table["median"])
    assert [t.get_text() for t in axes.get_yticklabels()] == table["family"].tolist()
    assert axes.get_xlabel() == "skill 2 (log-odds of beta_qa)"
    plt.close(figure)
    figure, axes = plots.plot_skills(capability_fit, top=4)
    assert len(axes.get_yticks()) == 4
    assert "first 4 of 18" in axes.get_title(loc="left").replace("\n", " ")
    plt.close(figure)
    with pytest.raises(ForecastError, match="top = 0"):
        plots.plot_skills(capability_fit, top=0)


@pytest.mark.parametrize("factor", [10**0.4, 10**0.6])
def test_families_far_from_their_own_models_are_hollow(capability_fit, factor):
    largest = capability_fit.frame.groupby("family")["compute"].max()
    at = {"compute": largest.min() * factor}
    table = skills(capability_fit, by="family", at=at).set_index("family")
    far = largest.index[(at["compute"] / largest > 10**0.5).to_numpy()]
    assert (len(far) > 0) == (factor > 10**0.5)
    figure, axes = plots.plot_skills(capability_fit, by="family", at=at)
    hollow = next(line for line in axes.lines if line.get_markerfacecolor() == "white")
    np.testing.assert_allclose(np.sort(hollow.get_xdata()), np.sort(table.loc[far, "median"]))
    assert ("hollow" in axes.get_title(loc="left")) == (factor > 10**0.5)
    plt.close(figure)


def test_settled_loadings_are_hollow(capability_fit):
    figure, axes = plots.plot_loadings(capability_fit)
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    found = sorted(x for line in hollow for x in line.get_xdata())
    assert found == [1.0], "skill 2: that of its anchor"
    plt.close(figure)


def test_points_of_a_sensitivity_are_told_apart(calls):
    figure, axes = calls["sensitivity"]()
    names = [t.get_text().split("\n")[0] for t in axes.get_yticklabels()]
    assert names == ["ant, compute 10²³", "ant, compute 10²⁴", "bee, compute 10²³", "bee, compute 10²⁴"]
    plt.close(figure)


def test_a_single_point_of_a_sensitivity_is_named_by_its_column(loss_fit):
    points = grid(family=["ant", "bee"], compute=[1e23, 1e24])
    both = under_two_sets(forecast(loss_fit, points, tokens_per_param=20, draws=30), "")
    alone = replace(both, columns=("compute",), table=both.table[both.table["point"] == 1])
    figure, axes = plots.sensitivity(alone)
    name, median = axes.get_yticklabels()[0].get_text().split("\n")
    assert name == "compute 10²³"
    assert float(median.removeprefix("median ")) == pytest.approx(alone.table["median"].iloc[0], abs=1e-3)
    assert axes.get_xlabel().endswith("90\u00a0% equal-tailed interval)")
    plt.close(figure)
