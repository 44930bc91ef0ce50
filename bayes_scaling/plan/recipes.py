"""Two recipes (corpora, optimisers, architectures): which wins at a budget, by how much, and what would settle it.

Recipes are two levels of a group of one fit, or two fits whose posteriors are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.compare.families import check_contrasts, contrast, level_columns
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit import failure_banner
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.forecasts import compute_to_reach, forecast
from bayes_scaling.forecasts.chain import probability_mcse
from bayes_scaling.forecasts.points import PATH, Points, as_frame
from bayes_scaling.forecasts.text import compact
from bayes_scaling.model.labels import labels
from bayes_scaling.model.plan import SIZES
from bayes_scaling.plan.nested import nested
from bayes_scaling.plan.next_run import CHECKED, NextRun, next_run, rank
from bayes_scaling.plan.preposterior import Joint
from bayes_scaling.plan.question import GRID, capped, lead, lead_question
from bayes_scaling.plan.responses import DRAWS, effective_draws, priced, responses
from bayes_scaling.plan.sentences import recipe_sentences
from bayes_scaling.plan.surface import check_names

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

RECIPE = "recipe"


@dataclass(frozen=True)
class Recipes:
    """Two recipes compared at a budget.

    Attributes
    ----------
    names : tuple of str
        The first is called a, the second b.
    at, small : dict
        The point of the budget, and the small one at which the ranking may be another.
    outcome : str
    table : DataFrame
        A row per quantity: the difference of the outcomes at the budget (``p``: a beats b there); the compute
        multiplier (compute of b over that of a to the outcome that a reaches at the budget; ``p``: a needs less); the
        difference at the small point; and ``p`` that the ranking there is not that at the budget. Columns ``a``,
        ``b``, ``quantity``, ``median``, ``lower``, ``upper``, ``level``, ``interval``, ``p``, its Monte-Carlo error
        ``mcse``, ``means``.
    curves : DataFrame
        The law of each from the small point to the budget: ``recipe``, ``compute``, ``median``, ``lower``, ``upper``,
        ``level``, ``interval``.
    settle : NextRun or None
        The candidate runs ranked by what they would tell about who wins.
    banner : str
    unit : str
        Unit of the outcome, empty where it is not known.
    """

    names: tuple[str, str]
    at: Mapping[str, Any]
    small: Mapping[str, Any]
    outcome: str
    table: pd.DataFrame
    curves: pd.DataFrame
    settle: NextRun | None = None
    banner: str = ""
    title: str = "Two recipes compared"
    unit: str = ""

    @property
    def p_a_better(self) -> float:
        """Probability that the first recipe beats the second at the budget."""
        return float(self.table["p"].iloc[0])

    @property
    def p_reverses(self) -> float:
        """Probability that the ranking at the small point is not that at the budget."""
        return float(self.table["p"].iloc[-1])

    @property
    def levels(self) -> tuple[float, ...]:
        """Probability of the intervals."""
        return (float(self.table["level"].iloc[0]),)

    @property
    def sentences(self) -> list[str]:
        """Who wins, what that is worth in compute, whether the ranking reverses, and the run that would settle it."""
        return recipe_sentences(self)

    @property
    def sentence(self) -> str:
        """The answer in words."""
        return " ".join(self.sentences)

    def __repr__(self) -> str:
        shown = self.table.drop(columns=["a", "b", "means", "warning"], errors="ignore")
        lines = [f"<{self.names[0]} and {self.names[1]} compared>", self.banner, self.sentence]
        lines.append(compact(shown[["quantity"]], shown.drop(columns="quantity")))
        return "\n".join(line for line in lines if line)


def compare_recipes(
    recipes: Fit | tuple[Fit, Fit],
    names: Sequence[str],
    *,
    at: Mapping[str, float],
    small: Mapping[str, float] | None = None,
    group: str = "family",
    hold: Mapping[str, Any] | None = None,
    tokens_per_param: float | None = None,
    candidates: Points | None = None,
    cost: str = "compute",
    unit: str = "FLOP",
    value: float | None = None,
    level: float = 0.9,
    random_seed: int = 0,
) -> Recipes:
    """Compare two recipes at a budget.

    Parameters
    ----------
    recipes : Fit or two of Fit
        One fit of which the recipes are two levels of ``group``, or a fit of each.
    names : two of str
        The levels; of two fits, what they are called.
    at : dict
        The budget, such as ``{"compute": 1e22}`` with ``tokens_per_param``, or params and tokens.
    small : dict, optional
        Where the ranking of now is read; by default the smallest compute at which both were run.
    hold : dict, optional
        One level of each other group, and what else the law reads (``{"lr": 1e-3, "batch": 2e6}``), the same at every
        scale; ``unique_tokens`` are at most those seen.
    candidates : DataFrame or dict of columns, optional
        Runs that could be made, ranked by what they tell about who wins; of two fits, column ``recipe`` names whose.
    cost, unit, value :
        As of :func:`bayes_scaling.plan.next_run`.

    Returns
    -------
    Recipes

    Raises
    ------
    ForecastError
        Unknown levels, fits of different outcomes, points that a forecast would refuse.
    """
    check_interval(level, "eti")
    pair = (str(names[0]), str(names[-1]))
    if len(names) != 2 or pair[0] == pair[1]:
        raise ForecastError(f"names = {list(names)}; expected two different recipes.")
    for fit in recipes if isinstance(recipes, tuple) else (recipes,):
        _check_given(fit, {**at, **(hold or {})})
    sides = _sides(recipes, pair, group, {**at, **(hold or {})}, tokens_per_param, hold or {})
    where = dict(small) if small is not None else _smallest(sides, at, tokens_per_param)
    here, there = (_paired([_law(s, point, tokens_per_param) for s in sides]) for point in (at, where))
    reached = float(np.median(here[0]))
    needs = _needs(sides, reached, tokens_per_param)
    banner = " ".join(dict.fromkeys(b for b in (failure_banner(s.fit) for s in sides) if b))
    table = _table(sides, here, there, needs, reached, level)
    settle = None
    if candidates is not None:
        settle = _settled(
            sides, recipes, candidates, {"at": {**at}, "group": group, "hold": hold}, tokens_per_param, random_seed,
            cost=cost, unit=unit, value=value, level=level,
        )  # fmt: skip
    table = table.assign(warning=banner) if banner else table
    curves = pd.concat([_curve(s, where, at, tokens_per_param, level) for s in sides], ignore_index=True)
    spec = sides[0].fit.spec
    return Recipes(pair, dict(at), where, spec.outcome, table, curves, settle, banner, unit=spec.unit)


def _check_given(fit: Fit, given: Mapping[str, Any]) -> None:
    """Raise where a point names what is unknown, or lacks what the law reads beside the scale of a run."""
    check_names(fit, given, "at or hold")
    lacking = {i.column: i.meaning for i in fit.spec.law.inputs if i.column not in (*SIZES, *PATH, *given)}
    if lacking:
        told = listed(f"{column} ({meaning})" for column, meaning in lacking.items())
        raise ForecastError(
            f"law {fit.spec.law.name} also reads {told}; give hold={{{next(iter(lacking))!r}: ...}}, the same at every "
            "scale, or name it in at=."
        )


@dataclass(frozen=True)
class _Side:
    """One recipe: its fit, and the columns that name it."""

    name: str
    fit: Fit
    named: Mapping[str, Any]
    frame: pd.DataFrame

    def point(self, where: Mapping[str, Any], tokens_per_param: float | None = None) -> pd.DataFrame:
        """Return a point, or several, of this recipe."""
        return capped(as_frame({**self.named, **where}), tokens_per_param)


def _sides(
    recipes: Fit | tuple[Fit, Fit], pair: tuple[str, str], group: str, where: Mapping[str, Any],
    tokens_per_param: float | None, hold: Mapping[str, Any],
) -> tuple[_Side, _Side]:  # fmt: skip
    """Return both recipes."""
    if isinstance(recipes, tuple):
        outcomes = {fit.spec.outcome for fit in recipes}
        if len(recipes) != 2 or len(outcomes) != 1:
            raise ForecastError(f"found {len(recipes)} fits of {listed(outcomes)}; expected two of one outcome.")
        a, b = (_Side(n, fit, hold, fit.frame) for n, fit in zip(pair, recipes, strict=True))
        return a, b
    check_contrasts(recipes, group=group, families=pair, at=where, tokens_per_param=tokens_per_param)
    found, columns = labels(recipes.frame, group), level_columns(recipes, group, list(pair))
    a, b = (
        _Side(n, recipes, {**{k: v[i] for k, v in columns.items()}, **hold}, recipes.frame[found == n])
        for i, n in enumerate(pair)
    )
    return a, b


def _smallest(sides: tuple[_Side, _Side], at: Mapping[str, float], tokens_per_param: float | None) -> dict[str, Any]:
    """Return the smallest point at which both were run: along the path, or at the budget's proportions."""
    low = max(float(s.frame["compute"].min()) for s in sides) if all("compute" in s.frame for s in sides) else np.nan
    if not np.isfinite(low):
        raise ForecastError("the fitted rows have no compute; say where the ranking of now is read by small=.")
    held = {k: v for k, v in at.items() if k not in PATH}
    if "params" in at and "tokens" in at:
        shrink = np.sqrt(low / (FLOP_PER_PARAM_TOKEN * at["params"] * at["tokens"]))
        small = {"params": at["params"] * shrink, "tokens": at["tokens"] * shrink, **held}
        return {str(k): v for k, v in capped(as_frame(small), None).iloc[0].items()}
    return {"compute": low, **held}


def _law(side: _Side, where: Mapping[str, Any], tokens_per_param: float | None) -> np.ndarray:
    """Return draws of the law of one recipe at a point, shape (draw,)."""
    point = side.point(where, tokens_per_param)
    return forecast(side.fit, point, kind="law", tokens_per_param=tokens_per_param).draws[:, 0]


def _curve(
    side: _Side, small: Mapping[str, Any], at: Mapping[str, Any], tokens_per_param: float | None, level: float
) -> pd.DataFrame:
    """Return the law of one recipe between two points, evenly in their logarithms."""
    steps: dict[str, Any] = {k: v for k, v in at.items() if k in small and isinstance(v, Real)}
    along = {**at, **{k: np.geomspace(small[k], v, GRID) for k, v in steps.items()}}
    points = side.point(along, tokens_per_param)
    found = forecast(side.fit, points, kind="law", levels=[level], tokens_per_param=tokens_per_param)
    table = found.table[["median", "lower", "upper", "level", "interval"]]
    return table.assign(recipe=side.name, compute=found.points["compute"].to_numpy())


def _paired(draws: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return draws of both recipes side by side: those of one fit belong together, those of two pair anyhow."""
    count = min(len(d) for d in draws)
    a, b = (d[np.linspace(0, len(d) - 1, count).astype(int)] for d in draws)
    return a, b


def _needs(
    sides: tuple[_Side, _Side], reached: float, tokens_per_param: float | None
) -> tuple[np.ndarray, np.ndarray] | str:
    """Return the compute that each needs to an outcome, or why that is unknown: no path of compute is."""
    read = sides[0].fit.spec.law.scales.values()
    if "compute" not in read and tokens_per_param is None:
        return "unknown without tokens_per_param"
    if loose := [c for c in read if c not in PATH]:
        return f"unknown: no path ties {listed(loose)} to compute"
    option: Any = {"tokens_per_param": tokens_per_param}
    return _paired([compute_to_reach(s.fit, reached, dict(s.named) or None, **option).draws[:, 0] for s in sides])


def _table(
    sides: tuple[_Side, _Side], here: tuple[np.ndarray, np.ndarray], there: tuple[np.ndarray, np.ndarray],
    needs: tuple[np.ndarray, np.ndarray] | str, reached: float, level: float,
) -> pd.DataFrame:  # fmt: skip
    """Return the quantities of a comparison, a row each."""
    fit, (a, b) = sides[0].fit, (s.name for s in sides)
    chains = int(fit.idata["posterior"].sizes["chain"])
    ahead = [lead(fit.spec.outcome, *pair) > 0 for pair in (here, there)]
    found: list[tuple[dict[str, Any], Any, str]] = []
    found.append((contrast(fit, *here, None, level), ahead[0], f"{a} beats {b} at the budget"))
    if not isinstance(needs, str):
        found.append((contrast(fit, *needs, reached, level), needs[1] > needs[0], f"{a} needs less compute"))
    else:
        nothing = {"quantity": "compute(b) / compute(a)", "level": level, "interval": "eti"}
        found.append((nothing, None, needs))
    found.append((contrast(fit, *there, None, level), ahead[1], f"{a} beats {b} at the small point"))
    reverses = {"quantity": "ranking", "level": level, "interval": "eti"}
    found.append((reverses, ahead[0] != ahead[1], "the ranking at the small point is not that at the budget"))
    noise = max(s.fit.chosen_noise for s in sides) ** 0.5
    rows = []
    for row, hit, means in found:
        p = np.nan if hit is None else float(row.get("p_a_better", hit.mean()))
        mcse = np.nan if hit is None else noise * probability_mcse(hit, chains)
        kept = {k: v for k, v in row.items() if k not in ("p_a_better", "p_undefined")}
        rows.append({"a": a, "b": b, **kept, "p": p, "mcse": mcse, "means": means})
    order = ["a", "b", "quantity", "median", "lower", "upper", "level", "interval", "p", "mcse", "means"]
    return pd.DataFrame(rows).reindex(columns=order)


def _settled(
    sides: tuple[_Side, _Side], recipes: Fit | tuple[Fit, Fit], candidates: Points, asked: dict[str, Any],
    tokens_per_param: float | None, seed: int, **options: Any,
) -> NextRun:  # fmt: skip
    """Return the candidates ranked by what they tell about who wins at the budget."""
    if not isinstance(recipes, tuple):
        pair = [s.name for s in sides]
        return next_run(
            recipes, candidates, families=pair, tokens_per_param=tokens_per_param, random_seed=seed, **asked, **options
        )
    frame = as_frame(candidates)
    if RECIPE not in frame.columns:
        raise ForecastError(f"candidates of two fits need column {RECIPE!r}: {listed(s.name for s in sides)}.")
    whose = frame[RECIPE].astype(str)
    names = [s.name for s in sides]
    for name in whose.unique():
        if name not in names:
            raise ForecastError(
                f"{RECIPE} {name!r} is not compared; expected {listed(names)}." + did_you_mean(name, names)
            )
    return _of_two_fits(sides, frame, whose, asked["at"], tokens_per_param, seed, **options)


def _of_two_fits(
    sides: tuple[_Side, _Side], frame: pd.DataFrame, whose: pd.Series, at: Mapping[str, Any],
    tokens_per_param: float | None, seed: int, *, cost: str, **options: Any,
) -> NextRun:  # fmt: skip
    """Return candidates of two independent posteriors, whose draws are paired anyhow."""
    kept: list[Any] = [s.fit.idata["posterior"].sizes for s in sides]
    count = min(DRAWS, *(size["chain"] * size["draw"] for size in kept))
    parts, costs, found = [], [], []
    for k, side in enumerate(sides):
        own = frame[whose == side.name].drop(columns=RECIPE).reset_index(drop=True)
        at_target = side.point(at, tokens_per_param)
        points, asked = (own, at_target) if len(own) else (at_target, None)
        got = responses(side.fit, points, asked, tokens_per_param=tokens_per_param, draws=count, random_seed=seed + k)
        found.append(got)
        table = got.frame.iloc[: len(own)].drop(columns="new_levels", errors="ignore")
        parts.append(table.assign(**{RECIPE: side.name}))
        costs.append(priced(own, table, cost) if len(own) else np.empty(0))
    sizes = [len(c) for c in costs]
    outcome = sides[0].fit.spec.outcome
    margin = lead(outcome, *(got.mean[:, -1] for got in found))
    noise = np.zeros((sum(sizes), sum(sizes)))
    noise[: sizes[0], : sizes[0]] = found[0].noise[: sizes[0], : sizes[0]]
    noise[sizes[0] :, sizes[0] :] = found[1].noise[: sizes[1], : sizes[1]]
    response = np.concatenate([got.known[:, :n] for got, n in zip(found, sizes, strict=True)], axis=1)
    fits = [s.fit for s in sides]
    joint = Joint(
        margin, response, noise, max(f.chosen_noise for f in fits), min(effective_draws(f, margin) for f in fits)
    )
    a, b = (s.name for s in sides)
    banner = " ".join(dict.fromkeys(x for x in map(failure_banner, fits) if x))
    question = lead_question(outcome, a, b)
    made = rank(joint, question, pd.concat(parts, ignore_index=True), np.concatenate(costs), banner=banner, **options)
    rng, checks = np.random.default_rng(seed + 2), {}
    for i in made.first(CHECKED):
        k, local = (0, i) if i < sizes[0] else (1, i - sizes[0])
        checks[i] = nested(found[k], local, margin, yes=True, rng=rng)
    return replace(made, check=checks)
