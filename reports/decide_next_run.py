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
# # Which run next? A real ladder replayed
#
# Gadre et al. (2024) trained models on RedPajama, from 11 million parameters up to 1.4 billion parameters on 921
# billion tokens. As in the card `overtraining_chain`, parameters are counted without the input embedding, and runs of a
# quarter of the usual tokens are left out, which are mostly warm-up.
#
# Suppose only a few small runs exist, and the question is the loss of the largest. Which run should be made next, what
# would it tell, and when is it enough? Every run that the plan asks for is looked up in the table, so that the whole
# way can be replayed.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayes_scaling as bs
from bayes_scaling import plots

corpora = bs.load_dataset("overtraining")
corpora = corpora[corpora["chinchilla_multiplier"] >= 0.5]
corpora = corpora.assign(params=corpora["matmul_params"], compute=6 * corpora["matmul_params"] * corpora["tokens"])
corpora = corpora[["family", "params", "tokens", "compute", "loss"]].sort_values("compute", ignore_index=True)
runs = corpora[corpora["family"] == "RedPajama"].drop(columns="family").reset_index(drop=True)
target = runs.index[-1]
candidates = runs.index[runs["compute"] <= 0.5 * runs["compute"][target]]
runs.loc[[candidates[0], candidates[-1], target]]

# %% [markdown]
# Every second run of the cheapest third is the start. The model is Chinchilla's law with a smooth departure from it
# along compute: without the departure, the plan would believe that any number of cheap runs settles the loss of a run
# ten times larger.

# %%
model = bs.ScalingModel(
    "chinchilla",
    noise={"observation": "normal", "run_effect": False, "discrepancy": {"kind": "ou", "over": "compute"}},
    priors={
        "alpha": {"dist": "lognormal", "median": 0.25, "upper95": 0.35},
        "beta": {"dist": "lognormal", "median": 0.25, "upper95": 0.35},
        "sigma": {"dist": "lognormal", "median": 0.005, "upper95": 0.02},
        "discrepancy_sd": {"dist": "lognormal", "median": 0.01, "upper95": 0.03},
    },
)
question = runs.loc[[target], ["params", "tokens"]]
start = candidates[: len(candidates) // 3 : 2].tolist()


def fitted(have):
    return model.fit(runs.loc[sorted(have)], random_seed=1, progressbar=False, target_accept=0.98)


def plan(fit, have):
    left = [i for i in candidates if i not in have]
    return left, bs.next_run(fit, runs.loc[left, ["params", "tokens"]], target=question, wanted_sd=WANTED)


WANTED = 0.02  # standard deviation of the log loss of the largest run: 2 %
fit = fitted(start)
left, found = plan(fit, start)
print(found.sentence)
found.table.head(6)[["params", "tokens", "cost", "share", "mcse", "per_cost", "as_good", "step", "nested"]]

# %% [markdown]
# Cheap runs win per FLOP and alone never settle the question: what counts is the cheapest *set* of runs that does. The
# ringed runs are that set; the line is what the best sets found settle together.

# %%
plots.next_run(found)
found.sets.head(8).round({"share": 3})

# %% [markdown]
# ## The way to the answer
#
# The cheapest runs of the set are made until the compute spent has doubled; then the fit and the plan are made
# anew. Beside it, the runs are made cheapest first.


# %%
def replay(choose, *, steps=20):
    have, told = list(start), []
    for _ in range(steps):
        fit = fitted(have)
        forecast = bs.forecast(fit, question, kind="mean", levels=[0.9]).table.iloc[0]
        spent = runs["compute"][have].sum()
        told.append({"spent": spent, "runs": len(have), **forecast[["median", "lower", "upper"]]})
        order = choose(fit, have)
        if not order:
            break
        bought = 0.0
        while order and bought < spent:
            have.append(order.pop(0))
            bought += runs["compute"][have[-1]]
    return pd.DataFrame(told)


def planned(fit, have):
    if len(have) == len(candidates):
        return []
    left, found = plan(fit, have)
    return [] if found.stop else [left[i] for i in found.chosen]


def cheapest(fit, have):
    return [i for i in candidates if i not in have]


ways = {"planned": replay(planned), "cheapest first": replay(cheapest)}
ways["planned"].round(3)

# %%
figure, axes = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
for (name, way), color in zip(ways.items(), ("#0b4f8a", "#D55E00"), strict=True):
    axes.fill_between(way["spent"], way["lower"], way["upper"], color=color, alpha=0.15, linewidth=0)
    axes.plot(way["spent"], way["median"], "o-", color=color, markersize=4, label=f"{name}, median and 90 % interval")
axes.axhline(runs["loss"][target], color="black", linewidth=1, label="measured")
axes.set_xscale("log")
axes.set_xlabel("training compute spent (FLOP)")
axes.set_ylabel("forecast loss of the largest run (nats)")
axes.legend(frameon=False)
axes.set_title("What is known of the largest run, by compute spent", loc="left")
# %% [markdown]
# One start is an anecdote. `python -m benchmarks.replay` replays this ladder and two others from twenty starts each,
# against cheapest first and random choice; the figures are in `benchmarks/README.md`.
#
# ## Two recipes
#
# The same question of two corpora: which has the lower loss at 1e22 FLOP, judged by runs of less than 1e20 FLOP each,
# and which further runs would settle it? Both are measured on C4, which favours C4.

# %%
small = corpora[corpora["compute"] < 1e20]
pair = ("C4", "RefinedWeb")
fits = tuple(
    model.fit(
        small.loc[small["family"] == name, ["params", "tokens", "loss"]],
        random_seed=1,
        progressbar=False,
        draws=2000,
        target_accept=0.99,
    )
    for name in pair
)
options = bs.grid(recipe=list(pair), params=[4e8, 1.4e9, 3e9], tokens=[3e10, 1e11])
compared = bs.compare_recipes(fits, pair, at={"compute": 1e22}, tokens_per_param=20, candidates=options)
print(compared.sentence)
compared.table.drop(columns="means").round(4)

# %%
plots.recipes(compared)

# %%
plots.next_run(compared.settle)
