r"""Downstream scores from skills that benchmarks measure: a cut, with every draw of the skills passed on.

Skills of all models are fitted to their benchmark scores alone; downstream scores do not feed back into them (a cut
posterior, Plummer 2015). For each of a few dozen draws of the skills the link from skills to the downstream score is
fitted to the models whose score is known, and the draws of all these links are pooled. Tasks at the floor, whose joint
posterior with the skills has several modes, so leave the skills as the benchmarks have them.

What a cut costs: where benchmarks say little of a skill, its draws know nothing of the downstream score, and weights
are drawn towards zero as in any regression on what is measured with error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.data.benchmarks import facts_by_row
from bayes_scaling.data.evaluations import registered_as
from bayes_scaling.errors import DataError, ForecastError, did_you_mean, listed
from bayes_scaling.fit import Fit, Sampler, SamplerSettings, failure_banner
from bayes_scaling.fit.diagnostics import Check, Diagnosis
from bayes_scaling.fit.evaluate import Draws, predict
from bayes_scaling.fit.sample import choose_seed
from bayes_scaling.forecasts.predict import Forecast, check_forecast
from bayes_scaling.forecasts.skills import Skills, skill_draws
from bayes_scaling.model import ModelSpec, Rows, encode, make_spec, simulate
from bayes_scaling.model.rows import locate

SETTINGS = SamplerSettings(draws=150, tune=300, chains=2, target_accept=0.95, adaptation="diag")
SKILL_DRAWS = 24
RHAT_MAX = 1.1  # of the worst of many short fits; the pooled draws are held to `ESS_MIN`
ESS_MIN = 400
DIVERGING_MAX = 0.005  # share of the pooled draws
FACTS = ("chance", "n_items")
POOLED = "Each link is fitted shortly; their pooled draws are what forecasts use."


@dataclass(frozen=True)
class Link:
    """The fitted links of one task, a fit per draw of the skills.

    Attributes
    ----------
    spec : ModelSpec
    frame : DataFrame
        The rows fitted.
    values : dict of str to ndarray
        Draws by parameter, shape (skill draw, chain, draw).
    coords : dict of str to list
        Fitted levels by group.
    diverging : int
    facts : dict of str to float
        Chance and number of items of the task.
    """

    spec: ModelSpec
    frame: pd.DataFrame
    values: Mapping[str, np.ndarray]
    coords: Mapping[str, list[str]]
    diverging: int
    facts: Mapping[str, float]

    def pooled(self) -> Draws:
        """Return the draws of all links, those of one skill draw after the other."""
        return Draws(self.spec, {k: v.reshape(-1, *v.shape[3:]) for k, v in self.values.items()}, self.coords)

    def checks(self, task: str) -> list[Check]:
        """Return R-hat and ESS of the worst link and parameter, and divergences."""
        from arviz_stats.base import array_stats

        free = [v.reshape(*v.shape[:3], -1) for k, v in self.values.items() if k not in self.spec.constants()]
        flat = [v[..., i] for v in free for i in range(v.shape[-1])]
        rhat = max(float(array_stats.rhat(one)) for v in flat for one in v)
        ess = min(sum(float(array_stats.ess(one)) for one in v) for v in flat)
        share = self.diverging / flat[0].size
        longer = "Give settings with more draws and tune."
        return [
            Check(f"{task}: largest R-hat of a link", rhat, f"< {RHAT_MAX}", rhat < RHAT_MAX, "fail",
                  f"Chains of a link disagree. {POOLED}", longer),
            Check(f"{task}: smallest pooled bulk ESS", ess, f">= {ESS_MIN}", ess >= ESS_MIN, "fail",
                  f"Too few independent draws. {POOLED}", longer),
            Check(f"{task}: share of divergences", share, f"<= {DIVERGING_MAX}", share <= DIVERGING_MAX, "fail",
                  "Part of a link's posterior was not reached.", "Raise target_accept, or tighten the priors."),
        ]  # fmt: skip


@dataclass(frozen=True)
class DownstreamFit:
    """Links from skills to downstream scores, with the draws of the skills that they were fitted to.

    Attributes
    ----------
    skills : Skills
    links : dict of str to Link
        By task.
    capability : Fit
        The skill fit.
    """

    skills: Skills
    links: Mapping[str, Link]
    capability: Fit

    @property
    def title(self) -> str:
        """Name of the study."""
        return f"{self.capability.title}, then {listed(self.links)}"

    def diagnose(self) -> Diagnosis:
        """Return the checks of the skill fit and of the links (made once); one that failed makes it unusable."""
        return self._diagnosis

    @cached_property
    def _diagnosis(self) -> Diagnosis:
        first = [replace(c, name=f"skills: {c.name}") for c in self.capability.diagnose().checks]
        return Diagnosis((*first, *(check for task, link in self.links.items() for check in link.checks(task))))

    def marked(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with a column `warning` if the diagnostics failed."""
        banner = failure_banner(self)
        return table.assign(warning=banner) if banner else table

    def weights(self, level: float = 0.9) -> pd.DataFrame:
        """Return median and equal-tailed interval of every parameter of the links, pooled."""
        rows = []
        for task, link in self.links.items():
            for name, value in link.values.items():
                if np.ndim(value) > np.ndim(link.values["intercept"]):
                    continue  # effects by level, told by no one interval
                low, middle, high = np.quantile(value, [(1 - level) / 2, 0.5, (1 + level) / 2])
                rows.append((task, name, middle, level, "eti", low, high))
        names = ["task", "parameter", "median", "level", "interval", "lower", "upper"]
        return self.marked(pd.DataFrame(rows, columns=names))

    def forecast(
        self, models: Sequence[str] | None = None, *, tasks: Sequence[str] | None = None, kind: str = "response",
        levels: Sequence[float] = (0.5, 0.9), interval: str = "eti", random_seed: int = 0,
    ) -> Forecast:  # fmt: skip
        """Forecast downstream scores of models of the skill fit.

        Parameters
        ----------
        models : sequence of str, optional
            All models of the skill fit when left out.
        tasks : sequence of str, optional
            All fitted tasks when left out.
        kind : str
            ``response`` is what would be measured; ``law`` and ``mean`` are the link without noise.
        levels, interval, random_seed :
            As in :func:`bayes_scaling.forecasts.forecast`.

        Raises
        ------
        ForecastError
            A model that is not in the skill fit, a task that was not fitted, an unknown kind or interval.
        """
        check_forecast(kind, levels, interval)
        chosen = [models] if isinstance(models, str) else list(self.skills.models if models is None else models)
        wanted = [tasks] if isinstance(tasks, str) else list(self.links if tasks is None else tasks)
        rng, parts, draws = np.random.default_rng(random_seed), [], []
        for task in wanted:
            if task not in self.links:
                raise ForecastError(
                    f"task {task!r} was not fitted; fitted are {listed(self.links)}." + did_you_mean(task, self.links)
                )
            frame, made = self._through(self.links[task], task, chosen, kind, rng)
            parts.append(frame)
            draws.append(made)
        points, simulated = pd.concat(parts, ignore_index=True), np.concatenate(draws, axis=1)
        return Forecast(
            points, simulated, kind, "accuracy", tuple(levels), interval, np.full(len(points), np.nan),
            failure_banner(self), self.title,
        )  # fmt: skip

    def _through(
        self, link: Link, task: str, models: list[str], kind: str, rng: np.random.Generator
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Return points of one task and their draws: every link at the skills that it was fitted to."""
        skills = self.skills.at(models)
        frame = pd.DataFrame({"model": models, "task": task, **link.facts, **self.skills.labels(models)})
        draws = link.pooled()
        repeat = draws.count // len(self.skills.values)
        inputs = {name: np.repeat(value, repeat, axis=0) for name, value in skills.items()}
        inputs["chance"] = frame["chance"].to_numpy(dtype=float)
        index, new = locate(link.spec, dict(link.coords), frame)
        values = simulate.with_new_levels(link.spec, draws.values, {g: len(v) for g, v in new.items()}, rng)
        rows, runs = Rows(frame, dict(link.coords), index, inputs), np.array(models, dtype=object)
        return frame, predict(replace(draws, values=values), rows, kind=kind, runs=runs, rng=rng)

    def __repr__(self) -> str:
        state = "diagnostics passed" if self.diagnose().ok else "DIAGNOSTICS FAILED, see .diagnose()"
        skills, of = self.skills.values, f"{len(self.skills.models)} models"
        return (
            f"<DownstreamFit of {listed(self.links)}: {skills.shape[1]} skills of {of}, {len(skills)} draws, {state}>"
        )


def downstream(
    fit: Fit, scores: pd.DataFrame, *, further: Sequence[str] = (), groups: Sequence[str] = ("family",),
    priors: Mapping[str, Any] | None = None, observation: str = "log_odds", skill_draws_used: int = SKILL_DRAWS,
    settings: SamplerSettings = SETTINGS, random_seed: int | None = None, cores: int | None = None,
) -> DownstreamFit:  # fmt: skip
    """Fit the link from skills to downstream scores, for each of a few draws of the skills.

    Parameters
    ----------
    fit : Fit
        Of law ``capability``, with all models: those whose downstream score is known, and those to forecast.
    scores : DataFrame
        Columns model, accuracy, chance, and task (one task when left out), n_items where known. Each task has a link
        of its own.
    further : sequence of str
        Scales such as ``compute`` whose logarithm the link reads beside the skills, after them in number.
    groups : sequence of str
        ``("family",)``: models of a family share a departure from the link, which a new family draws from the
        population. ``()``: none.
    priors : dict, optional
        That replace those of law ``skill_link`` and its noise.
    observation : str
        Noise of the link: ``log_odds``, in which scores near the floor tell the weights most, or ``logistic``, in which
        they tell them little.
    skill_draws_used : int
        Draws of the skills that are passed on.
    settings : SamplerSettings
        Of every single link.
    random_seed, cores :
        As in :func:`bayes_scaling.fit.sample`.

    Returns
    -------
    DownstreamFit

    Raises
    ------
    ForecastError
        A model that is not in the skill fit, a fit of another law.
    DataError
        Chance that is missing, bad values.
    """
    skills, seed = skill_draws(fit, skill_draws_used, further=further), choose_seed(random_seed)
    spec = make_spec(
        "skill_link", options={"skills": skills.values.shape[1]}, groups=groups, priors=priors,
        noise={"observation": observation, "run_effect": False},
    )  # fmt: skip
    links: dict[str, Link] = {}
    samplers: dict[str, Sampler] = {}
    for task, table in _tables(scores).items():
        settled, rows, inputs = _encoded(spec, skills, table)
        same = json.dumps([settled.as_dict(), rows.coords])  # what a compiled model depends on
        sampler = samplers[same] if same in samplers else samplers.setdefault(same, Sampler(settled, rows))
        links[task] = _link(sampler, settled, rows, inputs, settings, seed=seed, cores=cores)
        seed += len(skills.values)
    return DownstreamFit(skills, links, fit)


def _tables(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the scores by task, with chance known."""
    table = scores.copy()
    for column in ("model", "accuracy"):
        if column not in table.columns:
            raise DataError(f"downstream scores need column {column!r}; found {listed(table.columns)}.")
    if "task" not in table.columns:
        table["task"] = "downstream"
    known = facts_by_row(table["task"], "chance")
    table["chance"] = table["chance"].fillna(known) if "chance" in table.columns else known
    if table["chance"].isna().any():
        missing = table.loc[table["chance"].isna(), "task"].unique()
        raise DataError(
            f"chance is unknown of task(s) {listed(missing)}: the accuracy of guessing says where the floor is. Add "
            "column 'chance' (0 for generated answers)." + registered_as(missing)
        )
    return {str(task): part.reset_index(drop=True) for task, part in table.groupby("task", sort=False)}


def _encoded(spec: ModelSpec, skills: Skills, table: pd.DataFrame) -> tuple[ModelSpec, Rows, dict[str, np.ndarray]]:
    """Return the rows of one task, at the mean skills, and the skills of its models by draw."""
    inputs = skills.at(table["model"])
    read = ["model", "task", "accuracy", *(c for c in FACTS if c in table.columns)]
    frame = table[read].assign(
        **skills.labels(table["model"]), **{name: value.mean(axis=0) for name, value in inputs.items()}
    )
    settled, rows = encode(spec, frame)
    used = frame["accuracy"].notna().to_numpy()
    return settled, rows, {name: value[:, used] for name, value in inputs.items()}


def _link(
    sampler: Sampler, spec: ModelSpec, rows: Rows, inputs: Mapping[str, np.ndarray], settings: SamplerSettings,
    *, seed: int, cores: int | None,
) -> Link:  # fmt: skip
    """Fit one task for every draw of the skills: one compiled model whose rows are swapped."""
    found: dict[str, list[np.ndarray]] = {}
    diverging = 0
    for i in range(len(next(iter(inputs.values())))):
        swapped = replace(rows, inputs={**rows.inputs, **{name: value[i] for name, value in inputs.items()}})
        tree = sampler.sample(settings, seed=seed + i, rows=swapped, cores=cores)
        posterior = tree["posterior"].to_dataset()
        for name, variable in posterior.data_vars.items():
            if not str(name).endswith("_z"):
                found.setdefault(str(name), []).append(variable.transpose("chain", "draw", ...).to_numpy())
        diverging += int(tree["sample_stats"].to_dataset()["diverging"].sum())
    facts = {c: float(rows.frame[c].median()) for c in FACTS if c in rows.frame.columns}
    return Link(spec, rows.frame, {k: np.stack(v) for k, v in found.items()}, rows.coords, diverging, facts)
