"""What the command line understands; imports nothing heavy."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bayes_scaling.cli.plan_parser import add_plan
from bayes_scaling.data.columns import OUTCOMES

EXPONENT = re.compile(r"-(\d+\.?\d*|\.\d+)[eE][+-]?\d{1,3}")
DEFAULT_REPORT = ("published_families", "published_loss")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="bayes-scaling",
        description="Hierarchical Bayesian scaling laws: fits, checks and forecasts with honest intervals.",
        epilog="CARD is the name of a shipped model card (such as chinchilla) or a path to a .toml file.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, help_ in (("datasets", "list the public datasets"), ("laws", "list the scaling laws"),
                        ("cards", "list the shipped model cards")):  # fmt: skip
        listing = commands.add_parser(name, help=help_, description=help_)
        if name == "laws":
            listing.add_argument("laws", nargs="*", metavar="LAW", help="these alone (all when left out)")
        _add_json(listing)
    for name, help_ in (
        ("fit", "fit a card and save the fit"),
        ("check", "diagnostics, predictive checks and leave-one-out of a card"),
        ("forecast", "forecast what the card asks, or points of your own (--at)"),
        ("compare", "compare families as the card asks, or at --target / --at"),
    ):
        command = commands.add_parser(name, help=help_, description=help_)
        command.add_argument("card", metavar="CARD")
        _add_fit_options(command)
        _add_json(command)
        if name in ("forecast", "compare"):
            _add_question(command, name)
    skills = commands.add_parser("skills", help="rank families by the skills of a capability card")
    skills.add_argument("card", metavar="CARD")
    _add_skills(skills)
    _add_fit_options(skills)
    _add_json(skills)
    _add_sensitivity(commands)
    add_plan(commands, _add_fit_options, _add_json)
    backtest = commands.add_parser("backtest", help="hold out the largest scales or families of a card, and score")
    backtest.add_argument("card", metavar="CARD")
    _add_hold_out(backtest)
    _add_sampling(backtest.add_argument_group("fit"))
    _add_json(backtest)
    _add_choose(commands.add_parser("choose", help="compare laws on a card's or a file's table, and stack them"))
    _add_pages(commands)
    return parser


def plain_negatives(argv: Sequence[str]) -> list[str]:
    """Return arguments with negative numbers such as -1e21 written out: argparse takes these for options otherwise.

    They then reach the checks of the package, which say what was expected.
    """
    return [f"{Decimal(word):f}" if EXPONENT.fullmatch(word) else word for word in argv]


def _add_pages(commands: Any) -> None:
    """Add what writes HTML: reports of cards, the catalogue of laws."""
    report = commands.add_parser("report", help="write one HTML report of one or several cards")
    report.add_argument("card", metavar="CARD", nargs="*", help=f"default: {' '.join(DEFAULT_REPORT)}")
    report.add_argument("-o", "--output", default="reports/report.html", help="HTML file (%(default)s)")
    told = "write one HTML page of laws: formula, priors, curves, published constants and fits of their cards"
    catalogue = commands.add_parser("catalogue", help=told, description=told)
    catalogue.add_argument("law", metavar="LAW", nargs="*", help="names of laws (all)")
    catalogue.add_argument("-o", "--output", default="reports/catalogue.html", help="HTML file (%(default)s)")
    catalogue.add_argument("--no-fits", action="store_true", help="fit nothing: saved fits alone are shown")
    for page in (report, catalogue):
        _add_fit_options(page)
        _add_json(page)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def _add_fit_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("fit")
    group.add_argument("--fits", default="fits", metavar="DIR",
                       help="folder of saved fits (%(default)s): CARD.nc, and other sampling than the card's beside it "
                       "(CARD-draws50.nc); a file of another card or other data is replaced")  # fmt: skip
    group.add_argument("--refit", action="store_true", help="fit again even where a saved fit matches the card")
    _add_sampling(group)


def _add_skills(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is ranked")
    group.add_argument("--by", choices=("family", "run"), default="family",
                       help="families at one scale, or fitted models at their own (%(default)s)")  # fmt: skip
    group.add_argument("--skill", type=int, default=1, metavar="K", help="which skill (%(default)s)")
    group.add_argument("--at", nargs="+", metavar="NAME=VALUE",
                       help="scale of families, e.g. params=7e9 tokens=2e12 (the law's reference scale)")  # fmt: skip
    group.add_argument("--family", metavar="A,B", help="only these families, or models of them")
    group.add_argument("--reference", metavar="FAMILY",
                       help="tell how many times the compute this family needs for the same skill")  # fmt: skip
    group.add_argument("--level", type=float, default=0.9, help="probability of the intervals (%(default)s)")


def _add_sensitivity(commands: Any) -> None:
    parser = commands.add_parser("sensitivity", help="forecast under other prior sets of a card's law")
    parser.add_argument("card", metavar="CARD")
    group = parser.add_argument_group("prior sets and points")
    group.add_argument("--sets", nargs="+", metavar="NAME[=NUMBER]",
                       help="symmetric intrinsic_dimension=40 (those of [check], or all without a number)")  # fmt: skip
    group.add_argument("--at", nargs="+", metavar="NAME=VALUE[,VALUE]",
                       help="points, e.g. compute=1e24,1e25 (the card's forecast)")  # fmt: skip
    group.add_argument("--tokens-per-param", type=float, help="path D = this x N for laws in params and tokens")
    group.add_argument("--kind", choices=("law", "mean", "response"), help="what is forecast (response)")
    group.add_argument("--level", type=float, help="probability of the intervals (0.9)")
    group.add_argument("--workers", type=int, help="fits at a time; 0 works in this process")
    _add_fit_options(parser)
    _add_json(parser)


def _add_choose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", metavar="CARD|TABLE", help="a card, or a file of runs (.csv, .tsv, .parquet, .jsonl)")
    group = parser.add_argument_group("which laws, of which rows")
    group.add_argument("--laws", nargs="+", metavar="LAW",
                       help="names, see bayes-scaling laws (all whose outcome and columns the table has)")  # fmt: skip
    group.add_argument("--outcome", choices=OUTCOMES, help="of a table that has several (the first of these)")
    group.add_argument(
        "--columns", nargs="+", metavar="YOURS=OURS", help="names of a file's columns, e.g. n_params=params"
    )
    group.add_argument("--groups", nargs="+", metavar="COLUMN", help="groups whose levels may differ (the card's)")
    group.add_argument("--inputs", nargs="+", metavar="INPUT=COLUMN", help="what an input reads, e.g. scale=tokens")
    group.add_argument("--exclude-flags", nargs="+", metavar="FLAG", help="leave such rows out (the card's)")
    group.add_argument("--no-backtest", action="store_true", help="rank by leave-one-out only")
    stack = parser.add_argument_group("a forecast with the stack")
    stack.add_argument("--at", nargs="+", metavar="NAME=VALUE[,VALUE]", help="points, e.g. compute=1e24,1e25")
    stack.add_argument("--tokens-per-param", type=float, help="path D = this x N for laws in params and tokens")
    stack.add_argument("--level", type=float, nargs="+", help="probabilities of the intervals (0.5 0.9)")
    stack.add_argument("--weights", choices=("backtest", "loo"), help="whose weights (backtest where there is one)")
    _add_hold_out(parser, "none")
    _add_sampling(parser.add_argument_group("fit"))
    _add_json(parser)


def _add_hold_out(parser: argparse.ArgumentParser, folder: str = "backtests/CARD") -> None:
    group = parser.add_argument_group("what is held out, and where it is done")
    group.add_argument("--over", default="", metavar="COLUMN", help="scale: compute, params, tokens, step, ...")
    group.add_argument("--beyond", type=float, nargs="+", default=(), metavar="FACTOR",
                       help="train up to the largest scale over FACTOR, a fold each (10)")  # fmt: skip
    group.add_argument("--cuts", type=float, nargs="+", default=(), metavar="SCALE", help="train up to SCALE")
    group.add_argument("--within", default="", metavar="COLUMN", help="cut each level separately, e.g. run for curves")
    group.add_argument("--families", action="store_true", help="hold out each family but its smallest member")
    group.add_argument("--folder", metavar="DIR", help=f"results, found again on a rerun ({folder})")
    group.add_argument("--scheduler", metavar="ADDRESS",
                       help="fit on a Dask cluster, such as tcp://10.0.0.1:8786 (extra `cluster`)")  # fmt: skip
    group.add_argument("--workers", type=int, help="fits at a time; 0 works in this process (as many as processors)")


def _add_sampling(group: Any) -> None:
    group.add_argument("--draws", type=int, help="kept draws per chain")
    group.add_argument("--tune", type=int, help="warm-up draws per chain")
    group.add_argument("--chains", type=int, help="number of chains")
    group.add_argument("--seed", type=int, help="random seed")
    group.add_argument("--quiet", action="store_true", help="no progress")


def _add_question(parser: argparse.ArgumentParser, command: str) -> None:
    group = parser.add_argument_group("a question of your own")
    several = "compute=1e24,1e25 task=mmlu" if command == "forecast" else "compute=1e24 family=A,B task=mmlu"
    group.add_argument("--at", nargs="+", metavar="NAME=VALUE[,VALUE]", help=f"points, e.g. {several}")
    group.add_argument("--target", type=float, nargs="+" if command == "forecast" else None,
                       help="loss or accuracy to reach")  # fmt: skip
    group.add_argument("--tokens-per-param", type=float, help="path D = this x N for laws in params and tokens")
    group.add_argument("--level", type=float, nargs="+", help="probabilities of the intervals")
    if command == "forecast":
        group.add_argument("--kind", choices=("law", "mean", "response"), help="what is forecast (response)")
        group.add_argument("--outcome", choices=("loss", "accuracy"), help="of a chain: what is forecast (accuracy)")
        group.add_argument("--new-groups", choices=("error", "population"), help="levels that were not fitted")
