"""What ``bayes-scaling plan`` understands; imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

VERBS = {
    "allocation": "parameters and tokens that a budget should buy, and what rules cost",
    "cost": "smallest loss at total costs of training and serving, under limits",
    "reach": "compute, tokens, money and days to a loss or an accuracy",
    "when": "date at which growing compute passes a target, and what is left of the loss",
    "next": "affordable runs ranked by what they tell about a question for what they cost, and when to stop",
    "recipes": "which of two recipes wins at a budget, by how much, and what would settle it",
}


def number(text: str) -> float:
    """Return a number of the command line."""
    try:
        return float(text)
    except ValueError:
        told = f"{text!r} is no number; write for example 1e21, and several with blanks between them"
        raise argparse.ArgumentTypeError(told) from None


def add_plan(commands: Any, add_fit: Callable[[Any], None], add_json: Callable[[Any], None]) -> None:
    """Add the verbs under ``plan`` to the commands."""
    told = "plan with a card: split a budget, price it, reach a target"
    plan = commands.add_parser("plan", help=told, description=told)
    verbs = plan.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, help_ in VERBS.items():
        verb = verbs.add_parser(name, help=help_, description=help_)
        verb.add_argument("card", metavar="CARD")
        _add_question(verb.add_argument_group("a question of your own"), name)
        add_fit(verb)
        add_json(verb)


def _add_question(group: Any, verb: str) -> None:
    """Add what a verb may be asked; what is left out is the card's."""
    if verb in ("allocation", "when"):
        group.add_argument(
            "--budget", type=number, nargs="+", metavar="FLOP", help="training compute, e.g. 1e21 5.76e23"
        )
    if verb == "allocation":
        group.add_argument("--rule", nargs="+", metavar="RULE",
                           help="whose regret is told: tokens per parameter, kaplan, median, family=A")  # fmt: skip
    if verb == "cost":
        group.add_argument("--cost", type=number, nargs="+", metavar="COST", help="total cost of training and serving")
    if verb in ("reach", "when"):
        group.add_argument("--target", type=number, nargs="+", help="loss or accuracy to reach")
        group.add_argument("--outcome", choices=("accuracy", "loss"), help="of a chain: what is reached (accuracy)")
        group.add_argument("--tokens-per-param", type=number, help="path of growing compute (the best split)")
    if verb in ("cost", "reach"):
        _add_prices(group)
    if verb == "when":
        _add_growth(group)
    if verb == "next":
        _add_next(group)
    if verb in ("next", "recipes"):
        _add_recipes(group, verb)
    group.add_argument("--group", nargs="+", metavar="NAME=VALUE", help="one level of each group, e.g. family=A")
    if verb not in ("next", "recipes"):
        group.add_argument("--new-groups", choices=("error", "population"),
                           help="population lets --group name a level that was not fitted")  # fmt: skip
    group.add_argument("--level", type=number, nargs="+", help="probabilities of the intervals")


def _add_prices(group: Any) -> None:
    numbers = {
        "per-flop": "price of a FLOP of training (1: costs are in FLOP)",
        "serving-per-flop": "price of a FLOP of serving (that of training)",
        "inference-tokens": "tokens served over the lifetime, 2 N FLOP each (0)",
        "max-params": "parameters at most", "min-params": "parameters at least",
        "memory": "bytes for the weights", "bytes-per-param": "bytes per parameter (2)",
        "unique-tokens": "different tokens that there are",
        "gpus": "number of GPUs", "days": "days of training at most", "peak-flops": "peak FLOP per second of a GPU",
        "utilisation": "share of the peak that is reached (0.4)",
    }  # fmt: skip
    for name, help_ in numbers.items():
        group.add_argument(f"--{name}", type=number, metavar="NUMBER", help=help_)
    group.add_argument("--currency", help="unit of the costs")


def _add_growth(group: Any) -> None:
    group.add_argument("--growth", choices=("epoch",), help="learn the growth from Epoch's frontier models")
    group.add_argument("--doubling-months", type=number, nargs=2, metavar=("MEDIAN", "UPPER95"),
                       help="prior of the doubling time of compute")  # fmt: skip
    group.add_argument("--from-compute", type=number, metavar="FLOP", help="compute from which it grows")
    group.add_argument("--from-date", metavar="DATE", help="the day of that compute, e.g. 2025-02-24")


def _add_next(group: Any) -> None:
    group.add_argument("--of-target", nargs="+", metavar="NAME=VALUE",
                       help="question: the outcome of one run, e.g. params=7e10 tokens=1.4e12")  # fmt: skip
    group.add_argument("--of-parameter", metavar="NAME", help="question: a parameter of the law, e.g. alpha")
    group.add_argument("--of-families", nargs=2, metavar="NAME",
                       help="question: which of two wins (--at), or whether they cross (--before)")  # fmt: skip
    group.add_argument("--before", type=number, metavar="FLOP", help="compute below which curves may cross")
    group.add_argument("--wanted-sd", type=number, metavar="NUMBER",
                       help="standard deviation of the question at which to stop")  # fmt: skip
    group.add_argument("--new-groups", choices=("error", "population"), help="candidates of levels not fitted")


def _add_recipes(group: Any, verb: str) -> None:
    """Add what the next run and recipes share: where, along which path, candidates and their cost."""
    if verb == "recipes":
        group.add_argument("--names", nargs=2, metavar="NAME", help="the two recipes, levels of --by")
        group.add_argument("--small", nargs="+", metavar="NAME=VALUE",
                           help="where the ranking of now is read (the smallest compute of both)")  # fmt: skip
    group.add_argument("--candidate", nargs="+", action="extend", metavar="NAME=VALUE[,VALUE]",
                       help="runs that could be made: every combination, e.g. params=1e8,3e8 tokens=1e10")  # fmt: skip
    group.add_argument("--at", nargs="+", metavar="NAME=VALUE", help="the budget, or a level, e.g. compute=1e24")
    group.add_argument("--tokens-per-param", type=number, help="path D = this x N for laws in params and tokens")
    group.add_argument("--by", metavar="GROUP", help="group of the two that are compared (family)")
    group.add_argument("--value", type=number, metavar="NUMBER",
                       help="worth of a unit of reduction (variance, entropy), in the unit of the cost")  # fmt: skip
    group.add_argument("--cost-column", metavar="COLUMN", help="of the candidates (compute)")
    group.add_argument("--unit", help="of the cost (FLOP)")


def own_words(options: argparse.Namespace, names: dict[str, str]) -> dict[str, Any]:
    """Return what was given of some options, by the names of a card."""
    return {key: getattr(options, name) for name, key in names.items() if getattr(options, name, None) is not None}
