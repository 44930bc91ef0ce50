"""Accuracy of a downstream task from skills that other benchmarks measure."""

from __future__ import annotations

from typing import Any

from bayes_scaling.errors import CardError
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior
from bayes_scaling.laws.parts import refuse_options

MOST_SKILLS = 8
_CHANCE = Input("chance", "fraction", "accuracy of guessing, c")
_LEVEL = (
    Parameter(
        "intercept", "b", "log-odds between chance and ceiling at the mean skills", "real", "offset",
        Prior("normal", mean=-1.0, sd=2.0), "log-odds", {"family": "partial"}, Prior("halfnormal", upper95=3.0),
    ),
    Parameter(
        "ceiling", "u", "share of the way from chance to 1 that unlimited skill goes", "unit", "ceiling",
        Prior("logitnormal", median=0.9, upper95=0.99), "fraction", {},
    ),
)  # fmt: skip


def _skill(k: int) -> Input:
    return Input(f"skill_{k}", "sd", f"skill {k} in standard deviations between models, from their mean")


def _weight(k: int) -> Parameter:
    return Parameter(
        f"weight_{k}", f"w_{k}", f"log-odds gained per standard deviation of skill {k}", "real", "slope",
        Prior("normal", mean=0.7, sd=0.7), "log-odds", {},
    )  # fmt: skip


class SkillLink(Law):
    r"""Accuracy of a downstream task as a sigmoid of skills, the last step of Ruan et al. (2024), equation 6.

    Skills are columns ``skill_1``, ``skill_2``, ... of the table, in standard deviations between models, so that the
    prior of a weight means the same for each. :func:`bayes_scaling.forecasts.downstream` makes them from
    the draws of a capability model.

    Option: ``skills`` (1 to 8).
    """

    name = "skill_link"
    title = "Accuracy of a downstream task from skills"
    formula = r"acc = c + (1 - c)\,u\;\sigma\left(b + \sum_k w_k s_k\right)"
    citation = Citation(
        "Ruan, Maddison, Hashimoto", 2024,
        "Observational Scaling Laws and the Predictability of Language Model Performance", "2405.10938",
    )  # fmt: skip
    use = "agentic, post-training and emergent scores from the skills that simpler benchmarks measure"
    outcome = "accuracy"
    verified = "observational_emergent"
    inputs: tuple[Input, ...] = (_skill(1), _CHANCE)
    parameters: tuple[Parameter, ...] = (*_LEVEL, _weight(1))
    skills: int = 1

    def with_options(self, **options: Any) -> Law:
        """Return the law with another number of skills.

        Raises
        ------
        CardError
            Unknown option, or a number of skills that is not from 1 to 8.
        """
        refuse_options(self.name, options, ["skills"])
        skills = options.get("skills", self.skills)
        if isinstance(skills, bool) or not isinstance(skills, int) or not 1 <= skills <= MOST_SKILLS:
            raise CardError(f"{self.name}: skills = {skills!r}; expected a whole number from 1 to {MOST_SKILLS}.")
        other = type(self)()
        ranks = range(1, skills + 1)
        other.skills, other.options = skills, {} if skills == 1 else {"skills": skills}
        other.inputs = (*(_skill(k) for k in ranks), _CHANCE)
        other.declared = other.inputs
        other.parameters = (*_LEVEL, *(_weight(k) for k in ranks))
        return other

    def mean(self, xp: Backend, *, chance: Any, intercept: Any, ceiling: Any, **values: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        odds = intercept
        for k in range(1, self.skills + 1):
            odds = odds + values[f"weight_{k}"] * values[f"skill_{k}"]
        return chance + (1 - chance) * ceiling * xp.sigmoid(odds)
