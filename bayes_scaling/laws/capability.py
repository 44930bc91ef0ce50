"""Benchmark accuracy from latent skills that scale with size and data, and differ by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior
from bayes_scaling.laws.parts import refuse_options

MOST_SKILLS = 4
_CHANCE = Input("chance", "fraction", "accuracy of guessing, c")
_SCALES = {
    "params": Input("params", "count", "parameters N", reference=1e10),
    "tokens": Input("tokens", "count", "training tokens D", reference=1e12),
    "compute": Input("compute", "FLOP", "training compute C", reference=1e23),
}
_LETTER = {"params": "N", "tokens": "D", "compute": "C"}
PRODUCTIONS: Mapping[str, tuple[str, ...]] = {
    "params+tokens": ("params", "tokens"), "params": ("params",), "compute": ("compute",), "none": (),
}  # fmt: skip
"""What skills are made of: columns by the option ``scale``; the first one is the unit of skill 1. With none, skills
are what benchmarks measure of families and models."""

_BENCHMARK = (
    Parameter(
        "intercept", "b", "log-odds between chance and ceiling at the reference scale, for a typical family", "real",
        "offset", Prior("normal", mean=0.0, sd=2.0), "log-odds",
        {"task": "none", "task:protocol": "partial", "task:tuned": "partial"},
        Prior("lognormal", median=0.4, upper95=1.0),
    ),
    Parameter(
        "ceiling", "u", "share of the way from chance to 1 that unlimited skill goes", "unit", "ceiling",
        Prior("logitnormal", median=0.8, upper95=0.98), "fraction", {"task": "none"}, Prior("halfnormal", upper95=1.0),
    ),
    Parameter(
        "spread", "\\omega", "standard deviation of a family's deviation on a benchmark", "positive", "amplitude",
        Prior("lognormal", median=0.3, upper95=1.0), "log-odds", {"task": "none"}, Prior("halfnormal", upper95=0.7),
    ),
    Parameter(
        "deviation", "\\delta", "deviation of a family on a benchmark, in units of the spread", "real", "offset",
        Prior("constant", value=0.0), "", {"family:task": "partial"}, Prior("constant", value=1.0),
    ),
)  # fmt: skip


def skill_parameters(k: int, production: Sequence[str], product: bool) -> tuple[Parameter, ...]:
    """Return the parameters of skill k (from 1): loadings, efficiency and slopes."""
    first = k == 1
    decades = first and bool(production)
    loading = Prior("lognormal", median=1.5, upper95=5.0) if first else Prior("normal", mean=0.0, sd=1.0)
    unit = f"tenfold {production[0]}" if decades else "log-odds of its anchor"
    spread = Prior("halfnormal", upper95=1.0 if production else 3.0)  # without a scale, all that models differ by
    found = [
        Parameter(
            f"loading_{k}", f"\\lambda_{k}", f"log-odds of a benchmark per unit of skill {k}",
            "positive" if first else "real", "slope", loading, "log-odds", {"task": "none", "task:tuned": "partial"},
            Prior("lognormal", median=0.25, upper95=0.6),
        ),
        Parameter(
            f"efficiency_{k}", f"a_{k}", f"skill {k} beyond what the scale makes of a typical family", "real", "offset",
            Prior("constant", value=0.0), unit, {"family": "partial", "run": "student_t" if production else "partial"},
            spread,
        ),
    ]  # fmt: skip
    by_task = {"task": "partial"} if first else {}
    if decades:
        found.append(Parameter(
            f"slope_{production[0]}_1", f"\\beta_{{{_LETTER[production[0]]},1}}",
            f"skill 1 gained per tenfold {production[0]}", "real", "slope", Prior("constant", value=1.0), unit,
            {"family": "partial", "family:task": "partial"}, Prior("halfnormal", upper95=0.3),
        ))  # fmt: skip
    for column in production[1:]:
        prior = Prior("lognormal", median=0.7, upper95=2.0) if first else Prior("normal", mean=0.0, sd=1.0)
        found.append(Parameter(
            f"slope_{column}_{k}", f"\\beta_{{{_LETTER[column]},{k}}}", f"skill {k} gained per tenfold {column}",
            "positive" if first else "real", "slope", prior, unit, by_task, Prior("halfnormal", upper95=0.3),
        ))  # fmt: skip
    if first and product and len(production) == 2:
        found.append(Parameter(
            "slope_product_1", "\\beta_{ND,1}", "skill 1 gained by tenfold params and tokens together beyond the sum",
            "real", "slope", Prior("normal", mean=0.0, sd=0.3), unit, by_task, Prior("halfnormal", upper95=0.3),
        ))  # fmt: skip
    return tuple(found)


def formula_of(skills: int, production: Sequence[str], product: bool) -> str:
    """Return the formula in LaTeX."""
    total = r"\lambda_1 s_1" if skills == 1 else r"\sum_k \lambda_k s_k"
    decades = {c: rf"\log_{{10}}\frac{{{_LETTER[c]}}}{{{_LETTER[c]}_0}}" for c in production}
    made = []
    for k in range(1, skills + 1):
        own = production if k == 1 else production[1:]
        terms = [f"a_{k}", *(rf"\beta_{{{_LETTER[c]},{k}}}{decades[c]}" for c in own)]
        if k == 1 and product and len(production) == 2:
            terms.append(r"\beta_{ND,1}" + "".join(decades.values()))
        made.append(f"s_{k} = " + " + ".join(terms))
    share = rf"acc = c + (1 - c)\,u\;\sigma\left(b + {total} + \omega\delta\right)"
    return r", \quad ".join([share, *made])


class Capability(Law):
    r"""Accuracy of many benchmarks from a few latent skills.

    The structure shared by the observational scaling laws of Ruan et al. (2024) and Sloth (Maia Polo et al. 2024,
    arXiv:2412.06540): families turn scale into skills with an efficiency of their own, all benchmarks measure the
    same skills. Here every part is estimated jointly, with ceilings, and a deviation of each family on each benchmark.

    Scale, sign and rotation of the skills are settled: skill 1 is what the first scale moves, measured in its decades
    (tenfold parameters, or tenfold compute), so that an efficiency of 0.3 is worth twice the scale; its loadings are
    positive. Further skills are what families, models and tokens differ in beyond that, and need ``anchors``, one
    benchmark for each from the second on: the unit of its skill, which measures no later skill. That efficiencies of
    different skills are independent settles the rest (what skill 2 could lend to skill 1). With
    ``scale = "none"`` skills are measured without being explained, for models whose size is not known: the first
    skill too then has an anchor.

    By default benchmarks differ in what tokens are worth (``slope_tokens_1`` by task), families in what size is worth
    (by family, and by family and task), and where there is a scale a model's residual may be far out (Student-t effects
    by run). With a group ``tuned`` (base models, instruct models, ...) each has intercepts and loadings of its own;
    only the priors then place the skills of tuned families against those of base families.

    Options: ``skills`` (1 to 4), ``scale`` (``params+tokens``, ``params``, ``compute``, ``none``), ``product`` (of the
    log scales, true or false), ``anchors`` (names of benchmarks).
    """

    name = "capability"
    title = "Benchmark accuracy from latent skills shared by families"
    formula = formula_of(1, ("params", "tokens"), True)
    citation = Citation(
        "Ruan, Maddison, Hashimoto", 2024,
        "Observational Scaling Laws and the Predictability of Language Model Performance", "2405.10938",
    )  # fmt: skip
    use = "scores of many model families on many benchmarks: forecasts of larger members, skills, efficiency"
    outcome = "accuracy"
    verified = "observational"
    inputs: tuple[Input, ...] = (_SCALES["params"], _SCALES["tokens"], _CHANCE)
    parameters = (*_BENCHMARK, *skill_parameters(1, ("params", "tokens"), True))
    noise_pooling = {"scatter": {"task": "none"}, "overdispersion": {"task": "none"}, "precision": {"task": "none"}}
    new_where_unnamed = ("run",)
    noise: ClassVar[Mapping[str, Any]] = {"observation": "logistic", "run_effect": False}
    skills: int = 1
    anchors: tuple[str, ...] = ()

    def with_options(self, **options: Any) -> Law:
        """Return the law with another number of skills, scale or anchors.

        Raises
        ------
        CardError
            Unknown option, more than four skills, an unknown scale, anchors that do not match the skills.
        """
        known = {"skills": 1, "scale": "params+tokens", "product": True, "anchors": []}
        refuse_options(self.name, options, known)
        chosen = {**known, **self.options, **options}
        _check(chosen)
        production = PRODUCTIONS[chosen["scale"]]
        other = type(self)()
        other.options = {k: v for k, v in chosen.items() if v != known[k]}
        other.skills, other.anchors = chosen["skills"], tuple(chosen["anchors"])
        anchor = Input("anchor", "rank", "skill that the benchmark anchors, 0 for none", column="task")
        other.inputs = (*(_SCALES[c] for c in production), _CHANCE, *([anchor] if other.anchors else []))
        other.declared = other.inputs
        other.reference = {c: _SCALES[c].reference or 1.0 for c in production}
        ranks = range(1, other.skills + 1)
        made = [p for k in ranks for p in skill_parameters(k, production, chosen["product"])]
        other.parameters = (*_BENCHMARK, *made)
        other.formula = formula_of(other.skills, production, chosen["product"])
        return self.carried_to(other)

    @property
    def first_anchored(self) -> int:
        """First skill whose unit is a benchmark: the second, unless there is no scale."""
        return 2 if self.reference else 1

    def prepare(self, frame: Any) -> dict[str, Any]:
        """Return which skill each row's benchmark anchors: its number, or 0."""
        if not self.anchors:
            return {}
        rank = {task: float(i) for i, task in enumerate(self.anchors, start=self.first_anchored)}
        return {"anchor": frame["task"].map(rank).fillna(0.0).to_numpy(dtype=float)}

    def check_table(self, frame: Any) -> None:
        """Raise CardError where no row is of an anchor."""
        if self.anchors:
            found = sorted(map(str, frame["task"].unique()))
            for anchor in self.anchors:
                if anchor not in found:
                    raise CardError(
                        f"capability: anchor {anchor!r} has no row in the table; benchmarks there are {listed(found)}."
                        + did_you_mean(anchor, found)
                    )

    def skill(self, xp: Backend, k: int, values: Mapping[str, Any]) -> Any:
        """Return skill k from inputs and parameters by name, shape ``(..., row)``."""
        skill, product = values[f"efficiency_{k}"], 1.0
        for name, reference in self.reference.items():
            decades = xp.log10(values[name] / reference)
            if f"slope_{name}_{k}" in values:
                skill = skill + values[f"slope_{name}_{k}"] * decades
            product = product * decades
        if f"slope_product_{k}" in values:
            skill = skill + values[f"slope_product_{k}"] * product
        return skill

    def loading(self, xp: Backend, k: int, values: Mapping[str, Any]) -> Any:
        """Return the loading of each row's benchmark on skill k, with those of anchors settled."""
        loading = values[f"loading_{k}"]
        if k == 1 and self.reference:
            return loading
        rank = values["anchor"]  # compared by "<": PyTensor's "==" is Python's
        lower = xp.where((rank > 0.5) & (rank < k - 0.5), 0.0, loading)
        return xp.where((rank > k - 0.5) & (rank < k + 0.5), 1.0, lower)

    def mean(
        self, xp: Backend, *, chance: Any, intercept: Any, ceiling: Any, spread: Any, deviation: Any, **values: Any
    ) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        odds = intercept + spread * deviation
        for k in range(1, self.skills + 1):
            odds = odds + self.loading(xp, k, values) * self.skill(xp, k, values)
        return chance + (1 - chance) * ceiling * xp.sigmoid(odds)


def _check(options: Mapping[str, Any]) -> None:
    """Raise CardError where an option's value cannot be used."""
    skills, scale, anchors = options["skills"], options["scale"], options["anchors"]
    if isinstance(skills, bool) or not isinstance(skills, int) or not 1 <= skills <= MOST_SKILLS:
        raise CardError(f"capability: skills = {skills!r}; expected a whole number from 1 to {MOST_SKILLS}.")
    if scale not in PRODUCTIONS:
        raise CardError(
            f"capability: scale = {scale!r}; expected one of {listed(PRODUCTIONS)}."
            + did_you_mean(str(scale), PRODUCTIONS)
        )
    if not isinstance(options["product"], bool):
        raise CardError(f"capability: product = {options['product']!r}; expected true or false.")
    if isinstance(anchors, str) or not all(isinstance(a, str) for a in anchors) or len(set(anchors)) != len(anchors):
        raise CardError(f"capability: anchors = {anchors!r}; expected a list of different names of benchmarks.")
    if scale == "none" and len(anchors) != skills:
        raise CardError(
            f"capability: {skills} skill(s), no scale and anchors = {list(anchors)}; expected one benchmark per skill, "
            "from the first on: without a scale the first benchmark is the unit of skill 1."
        )
    if scale != "none" and len(anchors) != skills - 1:
        raise CardError(
            f"capability: {skills} skill(s) and anchors = {list(anchors)}; expected one benchmark for each skill from "
            f"the second on ({skills - 1}), its unit: skill 1 is what size moves and needs none."
        )
