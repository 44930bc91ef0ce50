"""Power-scaling sensitivity: how draws move when prior or likelihood count a little more or less. ArviZ does it.

Kallioinen, Paananen, Buerkner and Vehtari (2024), Detecting and diagnosing prior and likelihood sensitivity with
power-scaling. Draws are reweighted, nothing is fitted again. Scaled are the priors that a model states; distributions
of group and run effects are part of neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.check.predictive import run_names
from bayes_scaling.errors import CardError, FitError, did_you_mean, listed
from bayes_scaling.fit.evaluate import fitted_draws, log_density, run_effects
from bayes_scaling.fit.particles import Target
from bayes_scaling.laws.backend import link, numpy_backend
from bayes_scaling.model import priors
from bayes_scaling.model.spec import PARTIAL, sd_name

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

SENSITIVE = 0.05
"""Sensitivity from which the authors speak of an informative prior; a likelihood below it says little."""
CONFLICT, STRONG, FINE = "prior and data may disagree", "strong prior or weak data", ""


def log_prior(fit: Fit) -> dict[str, np.ndarray]:
    """Return the log density of each stated prior at each draw, shape (draw,), in the units it is stated in."""
    spec, values = fit.spec, fit.values()
    stated = [(p.name, spec.prior(p)) for p in spec.parameters()]
    stated += [(sd_name(p.name, g), spec.sd_prior(p, g)) for p, g, kind in spec.all_effects() if kind in PARTIAL]
    stated += [("run_sd", spec.run_sd_prior())] if spec.noise.run_effect else []
    found = {}
    for name, prior in stated:
        if prior.dist != "constant":
            density = priors.log_density(prior, values[name])
            found[name] = density.reshape(len(density), -1).sum(axis=1)  # levels of their own have a prior each
    return found


def log_likelihood(fit: Fit) -> np.ndarray:
    """Return the log likelihood of all rows at each draw but for a constant, shape (draw,).

    Raises
    ------
    FitError
        A discrepancy was integrated out of a model with group effects.
    """
    spec, values = fit.spec, fit.values()
    if not spec.marginal:
        draws, rng = fitted_draws(fit), np.random.default_rng(0)
        shift = run_effects(draws, fit.rows, run_names(fit.rows.frame), rng)
        return log_density(draws, fit.rows, shift).sum(axis=1)
    if any(True for _ in spec.all_effects()):
        raise FitError(
            "power-scaling has no likelihood of models with group effects whose discrepancy is integrated out; compare "
            "prior sets by their refits instead."
        )
    xp = numpy_backend()
    theta = np.stack([link(xp, p.support, values[p.name]) for p in spec.parameters()], axis=1)
    return Target(spec, fit.rows, np.arange(len(fit.rows))).log_likelihood(theta)


def power_scaling(
    fit: Fit, further: Mapping[str, np.ndarray] | None = None, *, scaled: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the sensitivity of parameters, and of further quantities, to prior and likelihood.

    Parameters
    ----------
    fit : Fit
    further : dict of str to ndarray, shape (draw,), optional
        Quantities on all draws of the fit, such as forecasts at a point.
    scaled : sequence of str, optional
        Names of the priors that are scaled; all that the model states when left out. One that is held constant has
        none.

    Returns
    -------
    DataFrame
        ``variable``, ``prior`` and ``likelihood`` (sensitivity; 0 is none), ``diagnosis``: prior and data may disagree
        (both at least 0.05; both may just be weak), strong prior or weak data (the prior alone), or empty. Parameters
        are those of the population.

    Raises
    ------
    CardError
        A name of no prior.
    FitError
        A discrepancy was integrated out of a model with group effects.
    """
    import arviz_stats
    import xarray as xr

    sizes: Any = fit.idata["posterior"].sizes
    shape, dims = (sizes["chain"], sizes["draw"]), ("chain", "draw")
    values, fixed = fit.values(), fit.spec.constants()
    single = [p.name for p in fit.spec.parameters() if values[p.name].ndim == 1 and p.name not in fixed]
    wanted = {**{name: values[name] for name in single}, **(further or {})}

    def group(**columns: np.ndarray) -> xr.Dataset:
        return xr.Dataset({name: (dims, np.asarray(v).reshape(shape)) for name, v in columns.items()})

    densities = log_prior(fit)
    tree = xr.DataTree.from_dict(
        {
            "posterior": group(**wanted),
            "log_prior": group(**densities),
            "log_likelihood": group(all=log_likelihood(fit)),
        }
    )
    of_prior = _scaled(scaled, densities, fixed)
    nothing = dict.fromkeys(wanted, 0.0)  # where every prior is held
    prior = arviz_stats.psense(tree, group="prior", group_var_names=of_prior) if of_prior else nothing
    likelihood = arviz_stats.psense(tree, group="likelihood")
    rows = [(name, float(prior[name]), float(likelihood[name])) for name in wanted]
    table = pd.DataFrame(rows, columns=["variable", "prior", "likelihood"])
    return table.assign(diagnosis=[_diagnosis(p, d) for p, d in zip(table["prior"], table["likelihood"], strict=True)])


def _scaled(asked: Sequence[str] | None, densities: Mapping[str, Any], fixed: Collection[str]) -> list[str]:
    """Return the names of the priors to scale, without those that are held constant."""
    names = list(densities if asked is None else asked)
    if unknown := [n for n in names if n not in densities and n not in fixed]:
        known = list(densities)
        raise CardError(
            f"scaled names {listed(unknown)}; this model states priors of {listed(known)}."
            + did_you_mean(unknown[0], known)
        )
    return [n for n in names if n in densities]


def _diagnosis(prior: float, likelihood: float) -> str:
    """Return what both sensitivities say together (Kallioinen et al. 2024, table 1)."""
    if prior < SENSITIVE:
        return FINE
    return CONFLICT if likelihood >= SENSITIVE else STRONG
