"""Is the fit usable, and if not, why: sampling checks and two causes special to scaling laws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from bayes_scaling.errors import listed
from bayes_scaling.fit.importance import PARETO_K_MAX
from bayes_scaling.laws.backend import link, numpy_backend
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model.effects import all_at_rows
from bayes_scaling.model.gathered import SPAN, departure_share
from bayes_scaling.model.priors import draw
from bayes_scaling.model.simulate import Values

if TYPE_CHECKING:
    from bayes_scaling.fit.result import Fit

RHAT_MAX = 1.01
RHAT_NARROW = 1.1  # up to here chains that are merely slow are likelier than two modes
LONGER = {"draws": 3000, "tune": 2000, "target_accept": 0.98}  # passes where the defaults fail narrowly
ESS_PER_CHAIN = 100
RIDGE_R2 = 0.95
RIDGE_SD_RATIO = 0.3
COLLINEAR_DECADES = 0.15
PRIOR_SD_RATIO = 0.9
SHARE_MAX = 0.8  # of the noise of a gathered row; from 0.9 on the density is another one
STRETCH_MAX = 0.5  # of the discrepancy's length; what is left out is the square of it over 12
STRETCH_DRAWS = 100
LEAST_MODE = 0.001  # of the posterior; a smaller mode is not told


@dataclass(frozen=True)
class Check:
    """One check: what was found, what was expected, what it means and what to do."""

    name: str
    found: float
    expected: str
    ok: bool
    severity: str  # "fail" makes the fit unusable, "warn" limits what can be concluded
    cause: str
    advice: str


@dataclass(frozen=True)
class Diagnosis:
    """The checks of a fit; ``ok`` is False when one that makes it unusable failed."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """True when no check of severity `fail` failed."""
        return all(c.ok for c in self.checks if c.severity == "fail")

    @property
    def problems(self) -> list[str]:
        """Sentences about every check that failed, failures before warnings."""
        bad = sorted((c for c in self.checks if not c.ok), key=lambda c: c.severity != "fail")
        return [f"{c.name}: found {c.found:.4g}, expected {c.expected}. {c.cause} {c.advice}" for c in bad]

    def table(self) -> pd.DataFrame:
        """Return the checks as a table, one row each; cause and advice only of those that failed."""
        return pd.DataFrame([vars(c) | ({"cause": "", "advice": ""} if c.ok else {}) for c in self.checks])

    def __repr__(self) -> str:
        head = "fit usable" if self.ok else "fit NOT usable"
        return "\n".join([f"<Diagnosis: {head}>", *(f"- {p}" for p in self.problems)])


def diagnose(fit: Fit) -> Diagnosis:
    """Return R-hat, ESS, divergence and tree depth checks, stretches of gathered rows, the ridge and collinearity.

    Returns
    -------
    Diagnosis
    """
    checks = [*_importance(fit), *_sampling(fit), *_stretches(fit)]
    values = fit.values()
    for extra in (_ridge(fit, values), _collinear(fit), _prior_bound(fit, values)):
        if extra is not None:
            checks.append(extra)
    return Diagnosis(tuple(checks))


class Diagnosed(Protocol):
    """A fit of one stage or of several: it can be diagnosed."""

    def diagnose(self) -> Diagnosis:
        """Return its checks."""
        ...


def failure_banner(fit: Diagnosed) -> str:
    """Return a sentence for tables, plots and reports of a fit that failed, else ``""``."""
    diagnosis = fit.diagnose()  # kept by the fit
    if diagnosis.ok:
        return ""
    names = ", ".join(c.name for c in diagnosis.checks if not c.ok and c.severity == "fail")
    return f"FIT NOT USABLE ({names}): do not quote these figures"


def _sampling(fit: Fit) -> list[Check]:
    from arviz_stats import ess, rhat

    posterior = fit.idata["posterior"].to_dataset()
    posterior = posterior.drop_vars(fit.spec.constants() & set(posterior.data_vars))
    chains = posterior.sizes["chain"]
    split = _worst(rhat(posterior), largest=True) if chains > 1 else (np.nan, "one chain")
    bulk, tail = (_worst(ess(posterior, method=m), largest=False) for m in ("bulk", "tail"))
    stats = fit.idata["sample_stats"].to_dataset()
    divergences = int(stats["diverging"].sum())
    deep = float(stats["maxdepth_reached"].mean()) if "maxdepth_reached" in stats else 0.0
    least = ESS_PER_CHAIN * chains
    more = _longer(fit.meta["settings"])
    accept = 0.99 if float(fit.meta["settings"].get("target_accept", 0)) < 0.99 else 0.998
    modes = " Two modes need other priors." if split[0] >= RHAT_NARROW else ""
    return [
        Check("largest R-hat", split[0], f"< {RHAT_MAX}", bool(split[0] < RHAT_MAX), "fail",
              f"Chains disagree, worst in {split[1]}.", more + modes),
        Check("smallest bulk ESS", bulk[0], f">= {least}", bool(bulk[0] >= least), "fail",
              f"Too few independent draws for {bulk[1]}.", more),
        Check("smallest tail ESS", tail[0], f">= {least}", bool(tail[0] >= least), "fail",
              f"Interval ends are unsure for {tail[1]}.", more),
        Check("divergences", divergences, "0", divergences == 0, "fail",
              "Part of the posterior was not reached.", f"Raise target_accept to {accept:g}, or tighten the priors "
              "of group standard deviations."),
        Check("share of draws at the largest tree depth", deep, "< 0.01", deep < 0.01, "warn",
              "Sampling is slow, not wrong.", "Raise maxdepth or tune."),
    ]  # fmt: skip


def _importance(fit: Fit) -> list[Check]:
    """Return the checks of draws that were chosen by weight; of NUTS, whether modes were found that it may miss."""
    engine = fit.meta.get("engine", {})
    if "pareto_k" not in engine:
        count = int(engine.get("modes_found", 1))
        missed = "; their shares are not known, and chains of NUTS do not cross between them"
        return [_modes(count, missed, "Narrow the priors to one of them, or fit each.")] if count > 1 else []
    k, modes = float(engine["pareto_k"]), [m for m in engine.get("modes", [1.0]) if m >= LEAST_MODE]
    shares = f" ({listed([f'{m:.1%}' for m in modes])} of the posterior), and intervals span them"
    return [
        Check("Pareto k of importance sampling", k, f"< {PARETO_K_MAX}", k < PARETO_K_MAX, "fail",
              "A few proposals carry most of the weight.", 'Fit again with engine="nuts".'),
        _modes(len(modes), shares, "Look at pairs of parameters; what is known from elsewhere may rule one out."),
    ]  # fmt: skip


def _modes(count: int, known: str, advice: str) -> Check:
    """Return the check of how many modes were found, with what is known of them."""
    what = f"The runs have {count} explanations that lie far apart{known}."
    return Check("separate modes of the posterior", count, "1", count == 1, "warn", what, advice)


def _stretches(fit: Fit) -> list[Check]:
    """Return whether rows were gathered on stretches so short that the departure hardly changes along them."""
    inputs, kind = fit.rows.inputs, fit.spec.noise.discrepancy.kind
    if not fit.spec.marginal or not (inputs.get(SPAN, np.zeros(1)) > 0).any():
        return []
    at_row = all_at_rows(numpy_backend(), fit.spec, fit.values(STRETCH_DRAWS), fit.rows.index)
    share = float(np.median(departure_share(kind, at_row, inputs), axis=0).max())
    advice = "Thin again with more knots, or without `knots`."
    checks = [
        Check("departure within a gathered row, of the noise of its mean", share, f"< {SHARE_MAX}", share < SHARE_MAX,
              "fail", "Checkpoints were gathered over stretches on which the departure changes too much.", advice),
    ]  # fmt: skip
    if kind == "ou":
        ratio = float(np.median(inputs[SPAN] / at_row["discrepancy_length"], axis=0).max())
        checks.append(
            Check("longest stretch of a gathered row, of the discrepancy's length", ratio, f"< {STRETCH_MAX}",
                  ratio < STRETCH_MAX, "fail", "The departure is forgotten within a stretch.", advice),
        )  # fmt: skip
    return checks


def _longer(settings: Mapping[str, Any]) -> str:
    """Return the advice to sample longer, with settings above those of the fit."""
    draws, tune = (max(LONGER[k], 2 * int(settings.get(k, 0))) for k in ("draws", "tune"))
    accept = max(LONGER["target_accept"], float(settings.get("target_accept", 0)))
    return f"Fit again with draws={draws:g}, tune={tune:g}, target_accept={accept:g}."


def _worst(dataset: Any, *, largest: bool) -> tuple[float, str]:
    """Return the worst value over all variables and its name (all-constant variables apart)."""
    worst, where = (-np.inf if largest else np.inf), ""
    for name, variable in dataset.data_vars.items():
        values = variable.to_numpy()
        if not np.isfinite(values).any():
            continue
        value = float(np.nanmax(values) if largest else np.nanmin(values))
        if (value > worst) if largest else (value < worst):
            worst, where = value, str(name)
    return worst, where


def _spread(fit: Fit, parameter: Parameter, values: Values) -> tuple[np.ndarray, float]:
    """Return draws on the unconstrained scale and the ratio of posterior to prior sd there."""
    xp = numpy_backend()
    draws = link(xp, parameter.support, values[parameter.name])
    prior = link(xp, parameter.support, draw(fit.spec.prior(parameter), np.random.default_rng(0), 4000))
    return draws, float(np.median(draws.std(axis=0)) / prior.std())


def _ridge(fit: Fit, values: Values) -> Check | None:
    roles = {p.role: p for p in fit.spec.law.parameters if p.role in ("floor", "amplitude", "exponent")}
    if set(roles) != {"floor", "amplitude", "exponent"}:
        return None
    floor = roles["floor"]
    draws, ratio = _spread(fit, floor, values)
    if draws.ndim > 1:  # independent levels: the ridge of each would need its own check
        draws = draws[:, 0]
    others = [p for p in fit.spec.law.parameters if p.role in ("amplitude", "exponent")]
    design = np.column_stack([_first(_spread(fit, p, values)[0]) for p in others] + [np.ones(len(draws))])
    fitted = design @ np.linalg.lstsq(design, draws, rcond=None)[0]
    r2 = 1 - np.var(draws - fitted) / np.var(draws)
    names = ", ".join(p.name for p in (floor, *others))
    return Check(
        "ridge of floor, amplitude and exponent (R2)", float(r2),
        f"< {RIDGE_R2}, or floor sd below {RIDGE_SD_RATIO:.0%} of its prior sd (found {ratio:.0%})",
        bool(r2 < RIDGE_R2 or ratio < RIDGE_SD_RATIO), "warn",
        f"{names} trade off: the curve bends too little in the data to tell the floor from the exponent.",
        "Forecasts near the data are unaffected; far beyond they rest on the priors. Add runs over a wider range.",
    )  # fmt: skip


def _first(draws: np.ndarray) -> np.ndarray:
    return draws if draws.ndim == 1 else draws[:, 0]


def _collinear(fit: Fit) -> Check | None:
    scales = list(fit.spec.law.scales.values())
    if len(scales) != 2:
        return None
    size, data = (np.log10(fit.frame[c].to_numpy(dtype=float)) for c in scales)
    design = np.column_stack([size, np.ones(len(size))])
    residual = data - design @ np.linalg.lstsq(design, data, rcond=None)[0]
    spread = float(residual.std())
    return Check(
        f"spread of log10 {scales[1]} not explained by {scales[0]}", spread, f">= {COLLINEAR_DECADES} decades",
        spread >= COLLINEAR_DECADES, "warn", f"{scales[1].capitalize()} hardly vary independently of {scales[0]}, so "
        "the two power laws cannot be told apart.",
        f"Forecast only along the same ratio of {scales[1]} to {scales[0]}, or add runs off it.",
    )  # fmt: skip


def _prior_bound(fit: Fit, values: Values) -> Check | None:
    sampled = [p for p in fit.spec.law.parameters if fit.spec.prior(p).dist != "constant"]
    if not sampled:
        return None
    ratios = {p.name: _spread(fit, p, values)[1] for p in sampled}
    name, ratio = max(ratios.items(), key=lambda item: item[1])
    return Check(
        "largest posterior to prior sd", ratio, f"< {PRIOR_SD_RATIO}", ratio < PRIOR_SD_RATIO, "warn",
        f"The data say little about {name}; its posterior is its prior.", "Check that its prior is one you believe.",
    )  # fmt: skip
