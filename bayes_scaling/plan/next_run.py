"""The next run: which affordable runs tell most about a question, for what they cost, and when to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import ChainFit, failure_banner
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.points import Points, as_frame, unread
from bayes_scaling.forecasts.predict import bounds
from bayes_scaling.forecasts.text import compact
from bayes_scaling.plan.nested import Nested, nested
from bayes_scaling.plan.preposterior import (
    Gains,
    Joint,
    Moments,
    cheapest,
    entropy,
    expected_entropy,
    gain_of_set,
    gains,
    greedy,
    normal_scores,
    of_entropy,
    telling,
)  # fmt: skip
from bayes_scaling.plan.question import Question, question_of
from bayes_scaling.plan.responses import DRAWS, Responses, effective_draws, priced, responses
from bayes_scaling.plan.sentences import next_sentences

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

SHARES = (0.25, 0.5, 0.75, 0.9)  # of what all candidates together can tell, that sets are looked for
SHARE = 0.75  # of these the one that the next run is chosen by; see benchmarks/README.md
CHECKED = 5
INTERVAL = "normal, of Monte-Carlo error"


@dataclass(frozen=True)
class NextRun:
    """Candidate runs ranked by what they are expected to tell per cost.

    Attributes
    ----------
    candidates : DataFrame
        One row per candidate, as the fit reads it.
    cost : ndarray, shape (candidate,)
    unit : str
        Of the cost, ``FLOP`` by default.
    question : Question
    answer : ndarray, shape (draw,)
        What is known of the question now, as draws of its value.
    moments : Moments
        Covariances of question and measurements; of a question of yes or no, of the normal scores of its margin.
    threshold : float
        Score above which the answer is yes; not a number where it is a value.
    single : Gains
        Expected reduction by one run each: of the variance, or of the entropy (nats).
    chosen : tuple of int
        The cheapest set found that reaches the goal, cheapest run first. Empty where the goal is reached already; where
        no set reaches it, that which settles 75 % of what all can tell.
    whole : Gains
        Expected reduction by that set, with its Monte-Carlo error.
    buy : tuple of int
        The runs of that set which tell as much as all of it but for that error, cheapest first.
    goal : float
        Variance that the set is to reach.
    value : float or None
        Worth of a unit of reduction, in the unit of the cost.
    check : mapping of int to Nested
        The best candidates again, without anything taken as normal or linear.
    """

    candidates: pd.DataFrame
    cost: np.ndarray
    unit: str
    question: Question
    answer: np.ndarray
    moments: Moments
    threshold: float
    single: Gains
    chosen: tuple[int, ...]
    whole: Gains
    buy: tuple[int, ...]
    goal: float
    level: float = 0.9
    value: float | None = None
    check: Mapping[int, Nested] = field(default_factory=dict)
    banner: str = ""
    note: str = ""
    title: str = "The next run"

    @property
    def levels(self) -> tuple[float, ...]:
        """Probability of the intervals."""
        return (self.level,)

    @property
    def measure(self) -> str:
        """What is reduced: ``variance``, or ``entropy`` of a question of yes or no."""
        return "entropy" if self.question.yes else "variance"

    @property
    def now(self) -> float:
        """Variance of the question now, or its entropy (nats) where it is answered by yes or no."""
        return float(entropy(self.p_yes)) if self.question.yes else self.moments.question

    @property
    def p_yes(self) -> float:
        """Probability of yes; not a number where the question has a value."""
        return float(np.mean(self.answer > 0)) if self.question.yes else float("nan")

    def reduction(self, chosen: Sequence[int]) -> float:
        """Return by how much a set of candidates is expected to reduce variance or entropy."""
        left = self.moments.left(chosen)
        if not self.question.yes:
            return self.moments.question - left
        if not self.now > 0:
            return 0.0
        shares = np.array([0.0, 1 - left / self.moments.question])
        return float(-np.diff(expected_entropy(shares, self.threshold))[0])

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy table, most expected reduction per cost first.

        Columns: those of the candidates, then ``cost``; ``reduction`` of the variance (of the entropy in nats, where
        the question is answered by yes or no) with ``mcse``, ``lower``, ``upper``, ``level`` and ``interval`` of
        that Monte-Carlo error; ``share`` of what is open now; ``per_cost``; ``as_good``, whether Monte-Carlo error
        leaves open that it is the best per cost; ``step`` in the set to buy (missing outside); ``nested`` and
        ``nested_mcse`` where it was checked; ``worth`` beyond its cost where a value was given.
        """
        from scipy.stats import norm

        half = norm.ppf((1 + self.level) / 2) * self.single.mcse
        table = self.candidates.assign(
            cost=self.cost, reduction=self.single.value, mcse=self.single.mcse,
            lower=np.maximum(self.single.value - half, 0.0), upper=self.single.value + half, level=self.level,
            interval=INTERVAL, share=self.single.value / self.now if self.now > 0 else 0.0,
            per_cost=self.single.value / self.cost, as_good=self._as_good(), step=self._steps(),
        )  # fmt: skip
        for name, attribute in (("nested", "reduction"), ("nested_mcse", "mcse")) if self.check else ():
            told = {i: getattr(c, attribute) for i, c in self.check.items() if c.usable}
            table[name] = pd.Series(told, index=table.index, dtype=float)
        if self.value is not None:
            table["worth"] = self.value * table["reduction"] - self.cost
        return self._marked(table.sort_values("per_cost", ascending=False, kind="stable"))

    @cached_property
    def sets(self) -> pd.DataFrame:
        """Sets of runs, most expected reduction per cost first.

        The best single runs, greedy sets of up to five runs (each the best per cost given those before), and the
        cheapest sets found that settle a share of what all candidates together can tell. Columns: ``runs`` (positions
        of the candidates), ``size``, ``cost``, ``reduction``, ``share`` of what is open now, ``per_cost``, and
        ``worth`` where a value was given.
        """
        rows = [
            {"runs": s, "size": len(s), "cost": float(self.cost[list(s)].sum()), "reduction": self.reduction(s)}
            for s in self._tried()
        ]
        table = pd.DataFrame(rows, columns=["runs", "size", "cost", "reduction"])
        table["share"] = table["reduction"] / self.now if self.now > 0 else 0.0
        table["per_cost"] = table["reduction"] / table["cost"]
        if self.value is not None:
            table["worth"] = self.value * table["reduction"] - table["cost"]
        return self._marked(table.sort_values("per_cost", ascending=False, kind="stable", ignore_index=True))

    @property
    def best(self) -> int | None:
        """Position of the run to make next among the candidates; None where none is worth making."""
        if self.stop:
            return None
        if self.value is not None:
            runs = self.sets.sort_values("worth", ascending=False)["runs"].iloc[0]
            return int(min(runs, key=lambda i: self.cost[i]))
        return self.buy[0] if self.buy else int(np.argmax(self.single.value / self.cost))

    @property
    def stop(self) -> bool:
        """True where another run is not worth it: no set is worth its cost, the goal is reached, or nothing is open."""
        if not self.now > 0 or not self.single.value.any():
            return True
        if self.value is not None:
            return not (self.sets["worth"] > 0).any()
        return self.moments.question <= self.goal

    @property
    def reachable(self) -> bool:
        """Whether all candidates together would reach the goal."""
        return self.moments.left_of_all() <= self.goal + 1e-9 * self.moments.question

    @property
    def sentences(self) -> list[str]:
        """What is known of the question, with its interval; and which run to make next, or why to stop."""
        return next_sentences(self)

    @property
    def sentence(self) -> str:
        """The answer in words, with the interval of the question."""
        return " ".join(self.sentences)

    def first(self, count: int) -> list[int]:
        """Return the best candidates: those of the set to buy, then those that tell most per cost."""
        order = [*self.buy, *np.argsort(-self.single.value / self.cost, kind="stable").tolist()]
        return list(dict.fromkeys(order))[:count]

    def interval(self) -> tuple[float, float, float]:
        """Return median and ends of the equal-tailed interval of the question now."""
        low, high = bounds(self.answer, self.level, "eti")
        return float(np.median(self.answer)), float(low), float(high)

    def _as_good(self) -> np.ndarray:
        """Return which candidates are not two Monte-Carlo errors behind the best per cost, shape (candidate,)."""
        rate = self.single.value / self.cost
        best = int(rate.argmax())
        weights = np.diag(1 / self.cost)
        weights[:, best] -= 1 / self.cost[best]
        return rate[best] - rate <= 2 * self.single.error(weights)

    def _steps(self) -> pd.Series:
        return pd.Series({i: n + 1 for n, i in enumerate(self.buy)}, index=self.candidates.index, dtype="Int64")

    def _tried(self) -> list[tuple[int, ...]]:
        """Return sets of candidates, each once."""
        rate = np.argsort(-self.single.value / self.cost, kind="stable")
        most = np.argsort(-self.single.value, kind="stable")
        row = greedy(self.moments, self.cost, count=5, per_cost=True)
        dear = greedy(self.moments, self.cost, count=5)
        found: list[tuple[int, ...]] = [(int(i),) for i in (*rate[:5], *most[:2])]
        found += [tuple(sorted(part[: k + 1])) for part in (row, dear) for k in range(len(part))]
        all_, now = self.moments.left_of_all(), self.moments.question
        goals = [*(now - share * (now - all_) for share in SHARES), self.goal]
        found += [tuple(sorted(cheapest(self.moments, self.cost, goal))) for goal in goals if goal < now]
        return [s for s in dict.fromkeys(found) if s]

    def _marked(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(warning=self.banner) if self.banner else table

    def __repr__(self) -> str:
        shown = self.table
        keep = [c for c in self.candidates if c in shown and shown[c].nunique() > 1]
        told = ["cost", "share", "per_cost", "as_good", "step"]
        count = words.counted(len(shown), "candidate")
        head = f"<next run for {self.question.name}, {count}, {len(self.answer)} draws>"

        lines = [head, self.banner, self.note and f"note: {self.note}", self.sentence]
        lines.append(compact(shown[keep], shown[told].reset_index(drop=True)))
        return "\n".join(line for line in lines if line)


def next_run(
    fit: Fit,
    candidates: Points,
    *,
    target: Points | None = None,
    parameter: str | None = None,
    families: Sequence[str] | None = None,
    group: str = "family",
    at: Mapping[str, Any] | None = None,
    before: float | None = None,
    hold: Mapping[str, Any] | None = None,
    cost: str = "compute",
    unit: str = "FLOP",
    wanted_sd: float | None = None,
    value: float | None = None,
    level: float = 0.9,
    new_groups: str = "error",
    tokens_per_param: float | None = None,
    draws: int = DRAWS,
    check: int = CHECKED,
    random_seed: int = 0,
) -> NextRun:
    """Rank affordable runs by how much each, and each set, is expected to tell about a question per cost.

    Parameters
    ----------
    fit : Fit
    candidates : DataFrame or dict of columns
        One row per run that could be made; ``grid(...)`` makes every combination.
    target : DataFrame or dict, optional
        Question: the outcome (law and discrepancy, in log loss or accuracy) of one run.
    parameter : str, optional
        Question: a parameter such as ``alpha``; ``at`` names the level where it has effects of groups.
    families : two of str, optional
        Question: which of two levels of ``group`` wins at the point ``at``, or whether their curves cross between the
        smallest fitted run and ``before`` (FLOP).
    hold : dict, optional
        One level of each other group.
    cost : str
        Column of the candidates; compute (6 x params x tokens) by default.
    unit : str
        Of the cost.
    wanted_sd : float, optional
        Standard deviation of the question at which to stop (log loss, accuracy, or the parameter's own unit). When left
        out, the set is looked for that settles 75 % of what all candidates together can tell.
    value : float, optional
        What a unit of reduction is worth, in the unit of the cost: of variance, or of entropy (nats). Stop where no set
        of runs is worth its cost.
    level : float
        Probability of intervals.
    check : int
        So many of the best candidates are estimated once more by nested Monte Carlo.

    Returns
    -------
    NextRun

    Raises
    ------
    ForecastError
        No candidates, a candidate without cost, no question or several, an unknown level or parameter, and all that
        :func:`bayes_scaling.forecast` raises.
    """
    _check_options(fit, value, wanted_sd, level)
    question = question_of(
        fit, target=target, parameter=parameter, families=families, group=group, at=at, before=before, hold=hold,
        tokens_per_param=tokens_per_param,
    )  # fmt: skip
    given = as_frame(candidates)
    found = responses(
        fit, given, question.points, new_groups=new_groups, tokens_per_param=tokens_per_param, draws=draws,
        random_seed=random_seed,
    )  # fmt: skip
    size = len(given)
    costs = priced(given, found.frame.iloc[:size], cost)
    asked = question.draws(found.mean[:, size:] if question.points is not None else found.mean)
    joint = Joint(
        asked, found.known[:, :size], found.noise[:size, :size], fit.chosen_noise, effective_draws(fit, asked)
    )
    made = rank(
        joint, question, found.frame.iloc[:size].drop(columns="new_levels", errors="ignore"), costs, unit=unit,
        wanted_sd=wanted_sd, value=value, level=level, banner=failure_banner(fit), note=unread(fit, given.columns),
    )  # fmt: skip
    return checked(made, found, asked, check, random_seed)


def rank(
    joint: Joint, question: Question, frame: pd.DataFrame, cost: np.ndarray, *, unit: str = "FLOP",
    wanted_sd: float | None = None, value: float | None = None, level: float = 0.9, banner: str = "", note: str = "",
) -> NextRun:  # fmt: skip
    """Return candidates ranked, from joint draws of the question and of what they would measure."""
    threshold = float("nan")
    told = question.told(joint.question)
    is_open = not question.yes or len(np.unique(told > 0)) > 1
    if question.yes:
        if wanted_sd is not None:
            raise ForecastError(f"whether {question.yes} has no standard deviation; leave wanted_sd out.")
        if is_open:
            scores, threshold = normal_scores(joint.question)
            joint = replace(joint, question=scores)
    moments, single = joint.moments(), gains(joint)
    goal = wanted_sd**2 if wanted_sd is not None else share_left(moments, SHARE)
    chosen = cheapest(moments, cost, goal) if moments.question > goal else []
    if not chosen and moments.question > goal:  # no set reaches it
        chosen = cheapest(moments, cost, share_left(moments, SHARE))
    whole = gain_of_set(joint, chosen)
    core = telling(moments, chosen, float(whole.mcse[0]))
    if not is_open:
        single, chosen, core = Gains(np.zeros_like(single.value), np.zeros_like(single.blocks)), [], []
    elif question.yes:
        single, whole = (of_entropy(g, moments.question, threshold) for g in (single, whole))
    return NextRun(
        frame.reset_index(drop=True), cost, unit, question, told, moments, threshold, single, tuple(chosen), whole,
        tuple(core), goal, level, value, {}, banner, note,
    )  # fmt: skip


def share_left(moments: Moments, share: float) -> float:
    """Return the variance that is left when a share of what all candidates can tell is known."""
    return moments.question - share * (moments.question - moments.left_of_all())


def checked(made: NextRun, found: Responses, asked: np.ndarray, count: int, seed: int) -> NextRun:
    """Return a ranking with its best candidates, per cost and in the set, estimated once more."""
    rng = np.random.default_rng(seed + 1)
    check = {i: nested(found, i, asked, yes=bool(made.question.yes), rng=rng) for i in made.first(count)}
    return replace(made, check=check)


def _check_options(fit: Fit, value: float | None, wanted_sd: float | None, level: float) -> None:
    if isinstance(fit, ChainFit):
        raise ForecastError("the next run of a chain is not planned; plan for its loss: next_run(chain.loss, ...).")
    check_interval(level, "eti")
    for name, number in (("value", value), ("wanted_sd", wanted_sd)):
        if number is not None and not (np.isfinite(number) and number > 0):
            raise ForecastError(f"{name} = {number!r}; expected a finite number above zero.")
    if value is not None and wanted_sd is not None:
        raise ForecastError("give value= (worth of a reduction) or wanted_sd= (where to stop), not both.")
