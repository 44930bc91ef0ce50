# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Many families, shared skills: the observational scaling law with intervals
#
# Ruan, Maddison and Hashimoto (2024, arXiv:2405.10938) read scaling laws off public models: benchmarks share a few
# skills, skills grow with the logarithm of compute, and families differ in how efficiently they turn compute into
# skill. They extract skills by principal components and then fit lines. Here all of it is one model, so that the
# uncertainty of each part reaches every answer: who is more efficient, what a larger model will score, which
# benchmark tells most.
#
# The scores are those of the paper, eight benchmarks of base models of known compute, from the data folder that
# `BAYES_SCALING_DATA` names. Of Qwen1.5 only the smallest model is fitted; the six larger ones are set aside from
# the beginning, to be compared with their forecast further down.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import bayes_scaling as bs
from bayes_scaling import plots

card = bs.load_card("observational")
scores = card.data()
scores = scores[~scores["flags"].str.contains("no_compute")]
scores["run"] = scores["run"].str.split("/").str[-1]  # without the developer's account
aside = (scores["family"] == "Qwen1.5") & (scores["compute"] > 1e22)
known, larger = scores[~aside], scores[aside]
known.groupby("task").agg(
    models=("run", "nunique"), families=("family", "nunique"), chance=("chance", "first"),
    lowest=("accuracy", "min"), median=("accuracy", "median"), highest=("accuracy", "max"),
).round(3)  # fmt: skip

# %% [markdown]
# ## What the priors imply
#
# One skill, measured in tenfold compute: an efficiency of 0.3 is worth twice the compute of a typical family.
# Accuracies simulated from the prior should cover every possible score and prefer none.

# %%
model = bs.CapabilityModel(scale="compute")
prior = model.sample_prior_predictive(known)
plots.prior_predictive(prior)
bs.range_table(prior).round(3)

# %% [markdown]
# ## Diagnostics first
#
# Nothing below may be quoted unless these pass.

# %%
fit = model.fit(known, draws=1500, tune=700, chains=2, target_accept=0.8, random_seed=1, progressbar=False)
fit.diagnose().table()[["name", "found", "expected", "ok", "severity"]]

# %% [markdown]
# ## What benchmarks measure
#
# The loading is the gain in log-odds per tenfold compute of a typical family, between chance and the ceiling that
# is learned with it. The spread is how far families stray on one benchmark from what their skill says.

# %%
plots.plot_loadings(fit)
measured = bs.loadings(fit).query("parameter in ['ceiling', 'spread']")
measured.pivot(index="task", columns="parameter", values=["median", "lower", "upper"]).round(2)

# %% [markdown]
# ## Skills of models and families
#
# Models at their own compute, then families all at 1e23 FLOP. Ranks have intervals too: neighbours in a leaderboard
# can seldom be told apart.
#
# With one skill, skill means what most of these benchmarks measure alike: language and common sense. Families
# trained on code stand last by it although they write better code, which the model puts into their deviations;
# so do gains of recent families that show in MMLU and GSM8K and not in HellaSwag.

# %%
figure, axes = plots.plot_skills(fit, top=25)

# %%
figure, axes = plots.plot_skills(fit, by="family", top=None)

# %% [markdown]
# ## Efficiency, in compute of Llama-2
#
# How many times the compute Llama-2 would need for the same skill, at 1e23 FLOP. Families of small models only
# are extrapolated to that scale, and most intervals hold 1: few families can be told from Llama-2 by this skill.
# Phi was trained on synthetic textbooks, and the making of these is not in its compute.

# %%
efficient = bs.effective_compute(fit, "Llama-2", at={"compute": 1e23})
efficient[["family", "median", "lower", "upper", "p_more"]].round(2)

# %% [markdown]
# ## A fitted family at ten times its compute
#
# Llama-2 ends at 8.4e23 FLOP. What would a member of ten times that score? Intervals here and below are those of
# a new model's measured score: they hold what the law does not know, the residual of a new model and its noise.
#
# One warning about the far end. Each benchmark has one ceiling for all families, learned from scores that level
# off. On MMLU its interval lies below what the best fitted model scored, on GSM8K it just reaches it (compare
# `highest` above with `ceiling`), so that forecasts of strong families flatten too early there.

# %%
ahead = bs.forecast(fit, bs.grid(family=["Llama-2"], task=sorted(known["task"].unique()), compute=[8.4e24]))
print(ahead)


# %%
def panels(table, fitted, others=None):
    """Draw the 90 % interval of each benchmark against compute, with the fitted and the other scores."""
    figure, found = plt.subplots(2, 4, figsize=(11, 5.8), layout="constrained", sharex=True, sharey=True)
    parts = table[table["level"] == 0.9].sort_values("compute").groupby("task")
    for axes, (task, part) in zip(found.ravel(), parts, strict=True):
        axes.fill_between(part["compute"], part["lower"], part["upper"], color="#0072B2", alpha=0.2, linewidth=0)
        axes.plot(part["compute"], part["median"], color="#0072B2", label="forecast: median, 90 % equal-tailed")
        for rows, look, name in ((fitted, "ko", "scored, fitted"), (others, "rx", "scored, set aside")):
            if rows is not None:
                shown = rows[rows["task"] == task]
                axes.plot(shown["compute"], shown["accuracy"], look, label=name)
        axes.set(title=task, xscale="log", ylim=(0, 1))
        axes.grid(color="#e3e3e3", linewidth=0.6)
    figure.supxlabel("training compute (FLOP)")
    figure.supylabel("accuracy")
    figure.legend(*found[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)


path = bs.grid(family=["Llama-2"], task=sorted(known["task"].unique()), compute=np.geomspace(5e22, 1e25, 12))
panels(bs.forecast(fit, path).table, known[known["family"] == "Llama-2"])

# %% [markdown]
# ## One small model known
#
# Qwen1.5 was fitted with its smallest model alone. The forecast of the six larger ones, up to 180 times its compute,
# leans on what families have in common. This illustrates one family; it is not a benchmark (`benchmarks/` holds
# out many families and scores the forecasts). The scores that fall outside are of TruthfulQA, which rises with
# scale in Qwen1.5 and hardly does over all families.

# %%
points = larger[["family", "task", "run", "params", "tokens", "compute", "chance"]].reset_index(drop=True)
unseen = bs.forecast(fit, points, new_groups="population", levels=[0.9]).table
held_out = unseen.assign(accuracy=larger["accuracy"].to_numpy())
held_out["inside"] = held_out["accuracy"].between(held_out["lower"], held_out["upper"])
print(f"inside their 90 % interval: {held_out['inside'].sum()} of {len(held_out)} scores")
print("outside:", held_out.loc[~held_out["inside"], "task"].value_counts().to_dict())
panels(unseen, known[known["family"] == "Qwen1.5"], larger)
held_out[held_out["run"] == "Qwen1.5-72B"][["task", "accuracy", "median", "lower", "upper", "inside"]].round(3)

# %% [markdown]
# ## Which benchmark tells most about a new model?
#
# The ratio of the skill's standard deviation after and before a single benchmark is run, for a model of an unknown
# family at 1e23 FLOP: the smaller, the more informative.

# %%
told = bs.informative(fit, at={"compute": 1e23})
told[["task", "sd_before", "sd_after", "median", "lower", "upper", "p_best"]].round(2)

# %% [markdown]
# ## Does the model reproduce the data?
#
# Replicates of every fitted row, by benchmark and by family, with residuals in points of accuracy. Models keep
# what was fitted of them, so that coverage should be above 90 %, most where a benchmark determines the skill. That is
# a check of the description; the check of forecasts is the held-out one above.

# %%
replicates = bs.posterior_predictive(fit, run_effects="fitted")
plots.posterior_predictive(replicates, by="task")
by_task = bs.predictive_table(replicates, by="task")
by_task.round(3)

# %% [markdown]
# What falls outside has reasons. Small models score below chance on ARC (Cerebras-GPT, Pythia, OPT), which no law
# above chance can follow. On TruthfulQA the smallest models score higher than larger ones, against a loading that must
# be positive. On GSM8K members of one family differ (H2O-Danube, StableLM): they were trained on different data, and
# a family has one level and one slope per benchmark here.

# %%
outside = bs.residuals(replicates).query("not covered")
outside[["task", "run", "observed", "median", "lower", "upper"]].sort_values(["task", "run"]).round(3)

# %%
plots.residuals(replicates, by="family")
by_family = bs.predictive_table(replicates, by="family")
by_family.sort_values("coverage").head(10).round(3)


# %% [markdown]
# Coverage of each benchmark and family. Bars hold 90 % of what honest 90 % intervals would give if rows were
# independent; those of one model are not, and small families have few, so that their coverage is rough.


# %%
def coverage(table, name):
    """Draw the share of rows inside their 90 % intervals beside what an honest interval would give."""
    table = table.sort_values("coverage", ignore_index=True)
    low, high = (stats.binom.ppf(q, table["n"], 0.9) / table["n"] for q in (0.05, 0.95))
    figure, axes = plt.subplots(figsize=(6, 1.3 + 0.2 * len(table)), layout="constrained")
    axes.hlines(table.index, low, high, color="#b8b8b8", linewidth=5, label="expected of honest intervals")
    axes.plot(table["coverage"], table.index, "o", color="#0b4f8a", markersize=5, label="observed")
    axes.axvline(0.9, color="black", linewidth=0.8)
    axes.set_yticks(table.index, [f"{who} ({n})" for who, n in zip(table[name], table["n"], strict=True)])
    axes.set(xlabel="share of rows inside their 90 % interval", xlim=(0.6, 1.02), ylim=(-0.8, len(table) - 0.2))
    figure.legend(loc="outside upper center", ncols=2)


coverage(by_task, "task")
coverage(by_family, "family")
