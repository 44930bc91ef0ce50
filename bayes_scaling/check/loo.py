"""Leave-one-out by PSIS: elpd with Pareto k, and LOO-PIT. ArviZ does the smoothing.

The unit is the run where runs have several rows: its run effect is integrated out. LOO answers
"another run like these", not "a larger run". Where a discrepancy is integrated out the unit is the row,
given every other one of its path.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from bayes_scaling.check.predictive import run_names
from bayes_scaling.errors import FitError
from bayes_scaling.fit.departure import left_out_moments
from bayes_scaling.fit.evaluate import fitted_draws, marginal_log_density, predict

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


OWN_DEPARTURE = (
    "every run has a departure from the law of its own, which was sampled and has seen the run: leaving the run out "
    "does not integrate it out, and elpd is too high; noise.observation = 'normal' (of loss) integrates it out, and "
    "backtests do not need it"
)


@dataclass(frozen=True)
class Loo:
    """Result of leave-one-out.

    Attributes
    ----------
    table : DataFrame
        One row: elpd, se, p_loo, units, unit, good_k (threshold), bad_k (units above it).
    pointwise : DataFrame
        Per unit: unit, elpd, pareto_k.
    unit_of_row : ndarray of int
        Position of each fitted row's unit in ``pointwise``, shape (row,).
    note : str
        Why many Pareto k lie above the threshold, where the model itself says so; else empty.
    """

    table: pd.DataFrame
    pointwise: pd.DataFrame
    unit_of_row: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64), repr=False)
    note: str = ""

    def __repr__(self) -> str:
        found = self.table.iloc[0]
        return (
            f"<Loo: elpd {found['elpd']:.4g} (standard error {found['se']:.2g}), p_loo {found['p_loo']:.3g}, "
            f"{found['units']} left out one by one ({found['unit']}), {found['bad_k']} with a Pareto k above "
            f"{found['good_k']:.2g}>"
        )


def _unit_density(fit: Fit) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return log density by unit, unit labels and each row's unit."""
    runs = run_names(fit.rows.frame)
    density, _ = marginal_log_density(fitted_draws(fit), fit.rows, runs)
    if fit.spec.marginal:  # a row given every other one
        return density, [str(i) for i in range(len(runs))], np.arange(len(runs))
    labels = list(dict.fromkeys(runs))
    codes = np.array([{u: i for i, u in enumerate(labels)}[r] for r in runs])
    if not fit.spec.noise.run_effect:  # rows of one run are left out together
        by_row, density = density, np.zeros((density.shape[0], len(labels)))
        np.add.at(density.T, codes, by_row.T)
    units = [str(u) for u in labels]
    return density, units, codes


def loo(fit: Fit) -> Loo:
    """Return PSIS-LOO of a fit.

    Returns
    -------
    Loo
        Densities are of the outcome itself (loss in nats, accuracy as a fraction).

    Raises
    ------
    FitError
        The draws do not differ enough for importance weights, as of a chain that is stuck.
    """
    import arviz as az
    import xarray as xr

    density, units, codes = _unit_density(fit)
    sizes = fit.idata["posterior"].sizes
    shaped = density.reshape(sizes["chain"], sizes["draw"], len(units))
    likelihood = xr.Dataset({"y": (("chain", "draw", "unit"), shaped)})
    tree = xr.DataTree.from_dict({"posterior": fit.idata["posterior"].to_dataset(), "log_likelihood": likelihood})
    with warnings.catch_warnings():  # units with a bad k are counted in the table
        warnings.filterwarnings("ignore", message=".*Pareto", category=UserWarning)
        if len(units) == 1:  # one curve: ArviZ wonders that the sum is the only term
            warnings.filterwarnings("ignore", message="The point-wise LOO is the same", category=UserWarning)
        try:
            found = az.loo(tree, pointwise=True, var_name="y")
        except ValueError as error:
            raise FitError(
                f"leave-one-out needs draws that differ; some of {len(units)} units have densities whose tail is one "
                f"value in {density.shape[0]} draws ({error}): a chain that does not move. Fit again with more draws "
                "and tune."
            ) from error
    k = np.asarray(found.pareto_k)
    unit = "run" if len(units) < len(fit.rows) else "row"
    table = pd.DataFrame(
        [{"elpd": found.elpd, "se": found.se, "p_loo": found.p, "units": len(units), "unit": unit,
          "good_k": found.good_k, "bad_k": int((k > found.good_k).sum())}]
    )  # fmt: skip
    pointwise = pd.DataFrame({"unit": units, "elpd": np.asarray(found.elpd_i), "pareto_k": k})
    return Loo(table, pointwise, codes, OWN_DEPARTURE if _own_departure(fit) and table["bad_k"].iloc[0] else "")


def _own_departure(fit: Fit) -> bool:
    """Return whether a unit has a departure from the law of its own that was sampled."""
    return fit.spec.sampled_paths and fit.spec.noise.discrepancy.by == "run"


def loo_pit(fit: Fit, *, random_seed: int = 0) -> pd.DataFrame:
    """Return the leave-one-out probability integral transform of each row.

    Returns
    -------
    DataFrame
        The fitted rows with ``loo_pit``, uniform on (0, 1) if the model is calibrated, and
        ``pareto_k`` of the row's unit. Rows of a left-out run share a fresh run effect.
    """
    from arviz_stats.base import array_stats

    density, _, codes = _unit_density(fit)
    sizes = fit.idata["posterior"].sizes
    shaped = density.reshape(sizes["chain"], sizes["draw"], -1)
    relative = array_stats.ess(np.exp(shaped - shaped.max(axis=(0, 1))), chain_axis=0, draw_axis=1, method="mean")
    r_eff = float(np.mean(relative) / density.shape[0])
    log_weights, k = array_stats.psislw(density, r_eff=r_eff, axis=0)  # it takes the log likelihood
    weights = np.exp(log_weights)[codes]  # (row, draw): psislw moves draws to the end
    rng = np.random.default_rng(random_seed)
    rows = fit.rows
    y = rows.column(fit.spec.outcome)
    if fit.spec.marginal:
        residual, variance = left_out_moments(fitted_draws(fit), rows)
        below = ndtr(residual / np.sqrt(variance)).T
    else:
        fresh = np.array([f"left out {c}" for c in codes], dtype=object)
        simulated = predict(fitted_draws(fit), rows, kind="response", runs=fresh, rng=rng)
        below = (simulated < y).T + rng.random(len(y))[:, None] * (simulated == y).T
    pit = (weights * below).sum(axis=1) / weights.sum(axis=1)
    return fit.rows.frame.assign(loo_pit=pit, pareto_k=k[codes])
