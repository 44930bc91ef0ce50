"""How much a forecast owes to the priors: refits under other prior sets, and power-scaling of each fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.check import Loo, loo, power_scaling
from bayes_scaling.compare import against_data
from bayes_scaling.errors import CardError, FitError, listed
from bayes_scaling.fit import Fit, Job, SamplerSettings, diagnostics_of, gaps, many_fits
from bayes_scaling.fit.importance import applies
from bayes_scaling.forecasts import forecast, words
from bayes_scaling.forecasts.asked import check_points_of
from bayes_scaling.forecasts.points import Points, as_frame
from bayes_scaling.laws.prior_sets import Asked
from bayes_scaling.model import ModelSpec
from bayes_scaling.model.prior_sets import compared_sets, set_label

LOO_DRAWS = 1000


@dataclass(frozen=True)
class Sensitivity:
    """Forecasts of one model under several prior sets.

    Attributes
    ----------
    table : DataFrame
        A row per set and point, the base first: ``set``, the point's columns, ``point`` (its number), ``median``,
        ``mcse_median``, ``lower``, ``upper``, ``level``, ``interval``; ``shift`` of the median from the base's, in
        units of the width of the base's interval, and ``mcse_shift``, in the same unit.
    sets : DataFrame
        A row per set: ``set``, ``meaning``, ``source``; ``engine``, ``rhat``, ``ess_bulk``, ``usable``, ``seconds`` of
        its fit; ``elpd_difference`` from the base by leave-one-out and its ``se``; ``log_bayes_factor`` over the base
        and its ``mcse``, missing where NUTS drew either; ``largest_shift``; ``against``: what of it the runs
        contradict, or empty.
    power : DataFrame
        A row per set and variable (parameters, and ``forecast N`` at point N): sensitivity to ``prior`` (of the law's
        parameters) and ``likelihood``, ``diagnosis``. Empty where a likelihood is not at hand.
    parameters : DataFrame
        A row per set and parameter that it states: ``set``, ``parameter``; ``prior`` (its median), what the ``runs``
        say with ``lower`` and ``upper`` (90 %, the base's prior taken out), ``away`` (distance in standard deviations).
    base : str
        Name of the base's prior set.
    kind, outcome, level : as of the forecast.
    gaps : dict of str to str
        Sets whose fit failed, and why.
    banner : str
        Not empty when the base fit failed its diagnostics.
    note : str
        Why there is no power-scaling, or empty.
    """

    table: pd.DataFrame
    sets: pd.DataFrame
    power: pd.DataFrame
    parameters: pd.DataFrame
    base: str
    kind: str
    outcome: str
    level: float
    columns: tuple[str, ...] = ()
    gaps: dict[str, str] = field(default_factory=dict)
    banner: str = ""
    note: str = ""
    title: str = "Sensitivity to prior sets"

    @property
    def sentences(self) -> list[str]:
        """What was found, in words."""
        return against_data.sentences(self)

    def probability(self, sets: Sequence[str] | None = None) -> pd.Series:
        """Return how likely the runs make each of several sets that were equally likely before.

        Bayes factors ask how well a set's priors foretold the runs: wide ones count against it, however right.
        A mode that importance sampling missed is missing in them too.

        Parameters
        ----------
        sets : sequence of str, optional
            Names as in the column ``set``; all that have a Bayes factor when left out.

        Raises
        ------
        CardError
            Unknown set, no list of sets.
        FitError
            A set without Bayes factor.
        """
        found = self.sets.set_index("set")["log_bayes_factor"]
        if isinstance(sets, str) or (sets is not None and len(sets) == 0):
            raise CardError(f"sets = {sets!r}; expected a list of prior sets, of {listed(found.index)}.")
        asked = list(found.index[found.notna()]) if sets is None else list(sets)
        unknown = [name for name in asked if name not in found.index]
        if unknown:
            raise CardError(f"no prior set {listed(unknown)} was compared; there are {listed(found.index)}.")
        missing = [name for name in asked if not math.isfinite(found[name])]
        if missing or not asked:
            raise FitError(
                f"there is no Bayes factor of {listed(missing or found.index)}: importance sampling did not draw the "
                "fit, or not that of the base. Compare by elpd_difference and what the runs contradict."
            )
        weight = np.exp(found[asked] - found[asked].max())
        return (weight / weight.sum()).rename("probability")

    @property
    def ends(self) -> str:
        """What ``lower``, ``upper`` and ``shift`` of the table are, in words."""
        kind = f"{words.level(self.level)} {words.KINDS['eti']} interval"
        return f"lower and upper: {kind}; shift: in widths of that of {self.base}"

    def __repr__(self) -> str:
        head = f"<Sensitivity of {self.outcome}, kind {self.kind}: {len(self.sets)} prior sets>"
        shown = self.table[["set", *self.columns, "median", "lower", "upper", "shift", "mcse_shift"]]
        told = shown.to_string(index=False, float_format=lambda v: f"{v:.4g}")
        return "\n".join(line for line in (head, self.banner, *self.sentences, self.ends, told) if line)


def sensitivity(
    fit: Fit,
    points: Points,
    *,
    prior_sets: Sequence[Asked] | None = None,
    kind: str = "response",
    level: float = 0.9,
    new_groups: str = "error",
    tokens_per_param: float | None = None,
    workers: int | None = None,
    random_seed: int = 0,
    progressbar: bool = False,
) -> Sensitivity:
    """Forecast under other prior sets of the law, and tell how far that moves.

    Parameters
    ----------
    fit : Fit
        The base; its rows, settings and seed are those of the other fits.
    points : DataFrame or dict of columns
    prior_sets : sequence of str or dict, optional
        Names of the law's prior sets, ``{name: number}`` of those that need one, ``"declared"``. All that need no
        number when left out.
    kind, new_groups, tokens_per_param :
        As of :func:`bayes_scaling.forecast`.
    level : float
        Probability of the equal-tailed intervals.
    workers : int, optional
        Fits at a time; 0 fits in this process, the default where importance sampling does. A script that asks for
        more calls this under ``if __name__ == "__main__":``.
    random_seed : int
        Of the forecasts.

    Returns
    -------
    Sensitivity

    Raises
    ------
    CardError
        Unknown sets, sets that repeat, none to compare with.
    ForecastError
        As :func:`bayes_scaling.forecast`.
    """
    if not isinstance(fit, Fit):
        raise CardError(f"sensitivity of a {type(fit).__name__}; expected a Fit (of a chain, one of its stages).")
    specs = compared_sets(fit.spec, prior_sets)
    path: dict[str, Any] = {"kind": kind, "new_groups": new_groups, "tokens_per_param": tokens_per_param}
    check_points_of(fit, points, **path)
    tell = partial(told_of, points=as_frame(points), how={**path, "levels": [level], "random_seed": random_seed})
    settings, seed = SamplerSettings(**fit.meta["settings"]), int(fit.meta["seed"])
    jobs = [Job.of_table(name, spec, fit.frame, settings=settings, seed=seed) for name, spec in specs.items()]
    if workers is None and all(applies(j.spec, j.rows) for j in jobs):
        workers = 0
    made = list(many_fits(jobs, tell, workers=workers, progressbar=progressbar, title="prior sets"))
    found = {r.name: {**r.value, **r.diagnostics, "seconds": r.seconds} for r in made if not r.missing}
    found = {name: found[name] for name in specs if name in found}
    base = {**tell(fit, None), **diagnostics_of(fit), "seconds": sum(fit.meta["seconds"].values())}
    return _gathered(fit, base, found, specs, gaps(made), level=level, kind=kind)


def told_of(fit: Fit, job: Job | None, *, points: pd.DataFrame, how: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one fit says: forecasts, power-scaling, leave-one-out by row; as tables and plain data."""
    made = forecast(fit, points, **how)
    columns = {f"forecast {i + 1}": made.draws[:, i] for i in range(made.draws.shape[1])}
    note = ""
    try:
        power = power_scaling(fit, columns, scaled=[p.name for p in fit.spec.law.parameters])
    except FitError as error:
        power, note = pd.DataFrame(columns=["variable", "prior", "likelihood", "diagnosis"]), str(error)
    left_out: Loo = loo(fit.thinned(LOO_DRAWS))
    table = made.table.drop(columns=[c for c in ("warning", "kind", "outcome") if c in made.table])
    return {
        "table": table, "columns": list(made.points.columns), "power": power, "note": note,
        "elpd": left_out.pointwise["elpd"].to_list(), "bad_k": int(left_out.table["bad_k"].iloc[0]),
        "engine": str(fit.meta["engine"]["name"]), "evidence": _evidence(fit),
    }  # fmt: skip


def _evidence(fit: Fit) -> tuple[float, float]:
    """Return the log marginal likelihood and its Monte-Carlo error; missing where NUTS drew."""
    told = fit.meta["engine"]
    if "log_evidence" not in told:
        return math.nan, math.nan
    return float(told["log_evidence"]), math.sqrt(max(1 / told["effective"] - 1 / told["proposals"], 0.0))


def _gathered(
    fit: Fit, base: dict[str, Any], others: dict[str, Any], specs: dict[str, ModelSpec], missing: dict[str, str],
    *, level: float, kind: str,
) -> Sensitivity:  # fmt: skip
    """Return everything side by side, the base first."""
    name = set_label(fit.spec)
    told = {name: base, **others}
    stated = [against_data.stated(fit, s, key) for key, s in specs.items()]
    parameters = pd.concat([t for t in stated if len(t)] or [stated[0]], ignore_index=True)
    table = pd.concat([_moved(t["table"], base["table"]).assign(set=key) for key, t in told.items()], ignore_index=True)
    table = table[["set", "point", *[c for c in table.columns if c not in ("set", "point")]]]
    power = pd.concat([t["power"].assign(set=key) for key, t in told.items() if len(t["power"])] or [base["power"]])
    rows = [_of_set(key, t, base, table, parameters, {name: fit.spec, **specs}[key]) for key, t in told.items()]
    return Sensitivity(
        table, pd.DataFrame(rows), power.reset_index(drop=True), parameters, name, kind, fit.spec.outcome, level,
        tuple(base["columns"]), missing, base["warning"], base["note"],
    )  # fmt: skip


def _moved(table: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
    """Return forecasts with their distance from the base's, in widths of its interval."""
    width = (base["upper"] - base["lower"]).to_numpy()
    error = np.hypot(table["mcse_median"].to_numpy(float), base["mcse_median"].to_numpy(float)) / width
    same = table is base
    shift = (table["median"].to_numpy() - base["median"].to_numpy()) / width
    return table.assign(point=np.arange(1, len(table) + 1), shift=shift, mcse_shift=0.0 if same else error)


def _of_set(
    name: str, told: dict[str, Any], base: dict[str, Any], table: pd.DataFrame, parameters: pd.DataFrame,
    spec: ModelSpec,
) -> dict[str, Any]:  # fmt: skip
    """Return a row of the table of sets."""
    known = spec.law.prior_sets[spec.prior_set.name] if spec.prior_set else None
    difference = np.array(told["elpd"]) - np.array(base["elpd"])
    elpd, units = float(difference.sum()), len(difference)
    se = math.sqrt(units) * float(difference.std(ddof=1)) if units > 1 else math.nan  # one curve is one unit
    shift = table.loc[table["set"] == name, "shift"]
    (evidence, error), (of_base, base_error) = told["evidence"], base["evidence"]
    return {
        "set": name, "meaning": known.meaning if known else f"Priors of the law {spec.law.name}.",
        "source": known.source if known else "", "engine": told["engine"], "rhat": told["rhat"],
        "ess_bulk": told["ess_bulk"], "usable": bool(told["ok"]), "seconds": told["seconds"], "elpd_difference": elpd,
        "se": se, "log_bayes_factor": evidence - of_base,
        "mcse": 0.0 * error if told is base else math.hypot(error, base_error), "bad_k": told["bad_k"],
        "largest_shift": float(shift.iloc[int(np.argmax(np.abs(shift)))]),
        "against": against_data.contradiction(name, parameters, elpd, se, told["bad_k"] + base["bad_k"]),
    }  # fmt: skip
