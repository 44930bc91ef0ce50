"""What a plan found, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayes_scaling.plan.next_run import NextRun


def next_sentence(found: NextRun) -> str:
    """Return what is known of a question and which run to make next."""
    return f"{_known(found)} {_advice(found)}"


def _known(found: NextRun) -> str:
    middle, low, high = found.interval()
    unit = f" {found.question.unit}" if found.question.unit else ""
    told = f"{found.question.name}: {middle:.4g}{unit} ({100 * found.level:g} % eti {low:.4g} to {high:.4g})."
    return f"P({found.question.yes}) = {found.p_yes:.3g}. " + told if found.question.yes else told


def _advice(found: NextRun) -> str:
    best, unit = found.best, found.unit
    if best is None:
        return _why_stop(found)
    error = found.single.mcse[best]
    share, error = found.single.value[best] / found.now, error / found.now
    what = "entropy" if found.question.yes else "variance"
    at = ", ".join(f"{c} {found.candidates[c].iloc[best]:.3g}" for c in ("params", "tokens") if c in found.candidates)
    told = f"Next: candidate {best}{f' ({at})' if at else ''} for {found.cost[best]:.3g} {unit}, which is expected to "
    told += f"remove {share:.0%} of the {what} (Monte-Carlo error {error:.1%}"
    again = found.check.get(best)
    told += f"; {again.reduction / found.now:.0%} by nested Monte Carlo)." if again and again.usable else ")."
    size = len(found.chosen)
    if found.value is None and size > 1:
        whole = found.reduction(found.chosen) / found.now
        told += f" It is the cheapest of {size} runs for {found.cost[list(found.chosen)].sum():.3g} {unit}, which "
        told += f"together remove {whole:.0%}."
    if not found.reachable:
        least = np.sqrt(found.moments.left_of_all())
        told += f" All candidates together leave a standard deviation of {least:.3g}, above the one wanted."
    return told


def _why_stop(found: NextRun) -> str:
    if found.moments.question <= found.goal and found.value is None and found.now > 0:
        now = np.sqrt(found.moments.question)
        return f"Stop: the standard deviation {now:.3g} is at most the one wanted ({np.sqrt(found.goal):.3g})."
    if found.value is not None and found.single.value.any():
        best = found.sets.sort_values("worth", ascending=False).iloc[0]
        gain = found.value * best["reduction"]
        return f"Stop: the best set costs {best['cost']:.3g} {found.unit} and is worth {gain:.3g}."
    return "Stop: no candidate is expected to tell anything about it."
