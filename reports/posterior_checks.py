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
# # Posterior checks: published losses by family
#
# A forecast is only worth its checks. This notebook fits the card `published_loss` (validation losses of
# published language models, embedded in the package) and asks, in the order in which it matters:
# what do the priors imply, did the sampler work, does the model reproduce the data, and which rows
# does it depend on?

# %%
import bayes_scaling as bs
from bayes_scaling import plots

card = bs.load_card("published_loss")
card.data()[["family", "model", "task", "compute", "loss", "flags"]].dropna(subset="loss").head()

# %% [markdown]
# ## What the priors imply
#
# Losses simulated from the prior, beside those that were published, in nats per token. A prior that
# excludes the data or allows losses of a hundred nats would be a mistake to mend before fitting.

# %%
prior = card.sample_prior_predictive()
plots.prior_predictive(prior)
bs.range_table(prior).round(2)

# %% [markdown]
# ## Sampling and identification
#
# R-hat, effective sample size and divergences, and two causes special to scaling laws: the ridge of floor,
# amplitude and exponent, and tokens that hardly vary independently of parameters.

# %%
fit = card.fit(progressbar=False)
fit.diagnose().table()[["name", "found", "expected", "ok", "severity"]]

# %%
fit.summary(var_names=["E", "A_ref", "alpha", "sigma", "nu"]).round(3)

# %% [markdown]
# ## Does the model reproduce the data?
#
# Replicates of every fitted row: coverage and residuals by family, then residuals against compute, where
# a trend would show that the law bends the wrong way.

# %%
replicates = bs.posterior_predictive(fit)
plots.residuals(replicates)
bs.predictive_table(replicates, by="family").round(3)

# %% [markdown]
# ## Leave-one-out
#
# Pareto k above the threshold marks rows that the fit depends on so much that leave-one-out cannot be
# trusted there. LOO answers "another run like these", not "a larger run".

# %%
leave_out = bs.loo(fit)
plots.loo_k(leave_out)
leave_out.table.round(2)

# %%
plots.loo_pit(bs.loo_pit(fit))

# %% [markdown]
# ## The forecast, with these checks in mind

# %%
for part, answer in card.forecasts(fit):
    print(part.title)
    print(answer.table.to_string(index=False))
