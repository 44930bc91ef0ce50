"""The command line: ``bayes-scaling datasets | laws | fit | check | forecast | compare | backtest | report``.

``--help``, ``laws`` and ``datasets`` import neither pandas nor PyMC. Exit codes: 0 done,
1 an error that is explained, 2 wrong usage, 3 done but a fit failed its diagnostics or is missing, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bayes_scaling.errors import BayesScalingError, FitError

DEFAULT_REPORT = ("published_families", "published_loss")
EXIT_ERROR, EXIT_UNUSABLE, EXIT_INTERRUPTED = 1, 3, 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayes-scaling",
        description="Hierarchical Bayesian scaling laws: fits, checks and forecasts with honest intervals.",
        epilog="CARD is the name of a shipped model card (such as chinchilla) or a path to a .toml file.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, help_ in (("datasets", "list the public datasets"), ("laws", "list the scaling laws"),
                        ("cards", "list the shipped model cards")):  # fmt: skip
        _add_json(commands.add_parser(name, help=help_, description=help_))
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
    backtest = commands.add_parser("backtest", help="hold out the largest scales or families of a card, and score")
    backtest.add_argument("card", metavar="CARD")
    _add_hold_out(backtest)
    _add_sampling(backtest.add_argument_group("fit"))
    _add_json(backtest)
    report = commands.add_parser("report", help="write one HTML report of one or several cards")
    report.add_argument("card", metavar="CARD", nargs="*", help=f"default: {' '.join(DEFAULT_REPORT)}")
    report.add_argument("-o", "--output", default="reports/report.html", help="HTML file (%(default)s)")
    _add_fit_options(report)
    _add_json(report)
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def _add_fit_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("fit")
    group.add_argument("--fits", default="fits", metavar="DIR", help="folder of saved fits (%(default)s)")
    group.add_argument("--refit", action="store_true", help="fit again even where a saved fit matches the card")
    _add_sampling(group)


def _add_hold_out(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is held out, and where it is done")
    group.add_argument("--over", default="", metavar="COLUMN", help="scale: compute, params, tokens, step, ...")
    group.add_argument("--beyond", type=float, nargs="+", default=(), metavar="FACTOR",
                       help="train up to the largest scale over FACTOR, a fold each (10)")  # fmt: skip
    group.add_argument("--cuts", type=float, nargs="+", default=(), metavar="SCALE", help="train up to SCALE")
    group.add_argument("--within", default="", metavar="COLUMN", help="cut each level separately, e.g. run for curves")
    group.add_argument("--families", action="store_true", help="hold out each family but its smallest member")
    group.add_argument("--folder", metavar="DIR", help="results, found again on a rerun (backtests/CARD)")
    group.add_argument("--workers", type=int, help="fits at a time; 0 works in this process (as many as processors)")


def _add_sampling(group: Any) -> None:
    group.add_argument("--draws", type=int, help="kept draws per chain")
    group.add_argument("--tune", type=int, help="warm-up draws per chain")
    group.add_argument("--chains", type=int, help="number of chains")
    group.add_argument("--seed", type=int, help="random seed")
    group.add_argument("--quiet", action="store_true", help="no progress")


def _add_question(parser: argparse.ArgumentParser, command: str) -> None:
    group = parser.add_argument_group("a question of your own")
    group.add_argument("--at", nargs="+", metavar="NAME=VALUE[,VALUE]", help="points, e.g. compute=1e24,1e25 task=mmlu")
    group.add_argument("--target", type=float, nargs="+" if command == "forecast" else None,
                       help="loss or accuracy to reach")  # fmt: skip
    group.add_argument("--tokens-per-param", type=float, help="path D = this x N for laws in params and tokens")
    group.add_argument("--level", type=float, nargs="+", help="probabilities of the intervals")
    if command == "forecast":
        group.add_argument("--kind", choices=("law", "mean", "response"), help="what is forecast (response)")
        group.add_argument("--new-groups", choices=("error", "population"), help="levels that were not fitted")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.version:
        from bayes_scaling import __version__

        print(__version__)
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return int(_COMMANDS[options.command](options))
    except BayesScalingError as error:
        print(f"bayes-scaling: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("bayes-scaling: interrupted; nothing unfinished was written.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False))


def _list(options: argparse.Namespace, found: Any, line: Any) -> int:
    """Print entries as JSON, or each as the text that `line` gives."""
    if options.json:
        _print_json(found)
    else:
        print("\n".join(line(entry) for entry in found))
    return 0


def _laws(options: argparse.Namespace) -> int:
    from bayes_scaling import laws

    return _list(options, [laws.get(name).as_dict() for name in laws.available()], _law_text)


def _law_text(law: dict[str, Any]) -> str:
    inputs, parameters = (", ".join(i["name"] for i in law[k]) for k in ("inputs", "parameters"))
    text = f"{law['name']}: {law['title']}\n    {law['formula']}\n    inputs: {inputs}\n    parameters: {parameters}"
    text += f"\n    {law['citation']}"
    return text + (f"\n    published constants: {', '.join(law['published'])}" if law["published"] else "")


def _datasets(options: argparse.Namespace) -> int:
    from bayes_scaling.data import list_datasets

    def text(entry: dict[str, Any]) -> str:
        offline = "available offline" if entry["available_offline"] else "needs a download or BAYES_SCALING_DATA"
        facts = f"{entry['rows']} rows; licence: {entry['licence']}; {offline}"
        return f"{entry['name']}: {entry['title']}\n    {facts}\n    {entry['citation']}"

    return _list(options, list_datasets(), text)


def _cards(options: argparse.Namespace) -> int:
    from bayes_scaling.model.card import read_card, shipped_cards

    found = [{"name": n, "title": read_card(n).title} for n in shipped_cards()]
    return _list(options, found, lambda entry: f"{entry['name']}: {entry['title']}")


# ---- commands that need a fit ---------------------------------------------------------------


def _changed_card(options: argparse.Namespace, name: str) -> Any:
    """Return the card with the sampling that was asked for."""
    from dataclasses import replace

    from bayes_scaling.api import Card, load_card

    card = load_card(name)
    changes = {k: getattr(options, k) for k in ("draws", "tune", "chains") if getattr(options, k) is not None}
    if options.seed is not None:
        changes["random_seed"] = options.seed
    return Card(replace(card.spec, fit=replace(card.spec.fit, **changes)))


def _card_and_fit(options: argparse.Namespace, name: str) -> tuple[Any, Any]:
    """Return the card, and its saved fit where that matches, else a new fit that is then saved."""
    card = _changed_card(options, name)
    path = Path(options.fits) / f"{card.name}.nc"
    fit = None if options.refit else _saved(card, path, options)
    if fit is None:
        _say(options, f"fitting {card.name} ...")
        fit = card.fit(progressbar=not options.quiet)
        fit.save(path)
        _say(options, f"saved {path}")
    return card, fit


def _saved(card: Any, path: Path, options: argparse.Namespace) -> Any:
    """Return a saved fit of the same card and data, or None with the reason said."""
    from bayes_scaling.fit import load

    if not path.is_file():
        return None
    try:
        fit = load(path)
    except FitError as error:
        _say(options, f"{error} Fitting again.")
        return None
    same = {k: v for k, v in (fit.meta["card"] or {}).items() if k in ("data", "model", "fit")}
    wanted = json.loads(json.dumps({k: card.spec.as_dict()[k] for k in ("data", "model", "fit")}))
    if same != wanted:
        _say(options, f"{path} was made from another card or other settings; fitting again.")
        return None
    from bayes_scaling.data import data_hash
    from bayes_scaling.model import encode

    _, rows = encode(card.spec.model, card.data(), exclude_flags=card.spec.data.exclude_flags)
    if data_hash(rows.frame) != fit.meta["data_hash"]:
        _say(options, f"the data changed since {path} was saved; fitting again.")
        return None
    return fit


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.quiet:
        print(text, file=sys.stderr)


def _records(frame: Any) -> Any:
    """Return a table as JSON records; missing and infinite numbers become null."""
    return json.loads(frame.to_json(orient="records", double_precision=15))


def _show(frame: Any) -> str:
    return str(frame.to_string(index=False, float_format=lambda v: f"{v:.4g}"))


def _finish(fit: Any, options: argparse.Namespace, result: dict[str, Any], text: str) -> int:
    from bayes_scaling.fit import failure_banner

    return _tell(failure_banner(fit), options, result, text)


def _tell(banner: str, options: argparse.Namespace, result: dict[str, Any], text: str) -> int:
    if options.json:
        _print_json({**result, "usable": not banner, "warning": banner})
    else:
        print(text)
    if banner:
        print(f"bayes-scaling: {banner}", file=sys.stderr)
        return EXIT_UNUSABLE
    return 0


def _fit(options: argparse.Namespace) -> int:
    card, fit = _card_and_fit(options, options.card)
    table, diagnosis = fit.summary(), fit.diagnose()
    shown = table[~table.index.str.contains("_effect")]
    columns = ["median", "lower", "upper", "level", "interval", "mcse_median", "ess_bulk", "r_hat"]
    text = [f"{card.spec.title or card.name}: law {fit.spec.law.name}, {len(fit.frame)} rows",
            *(f"note: {n}" for n in fit.meta["notices"]),
            *(f"left out: {n} rows ({why})" for why, n in fit.meta["left_out"].items()),
            shown[columns].to_string(float_format=lambda v: f"{v:.4g}"),
            *(f"- {p}" for p in diagnosis.problems)]  # fmt: skip
    result = {
        "card": card.name, "rows": len(fit.frame), "left_out": dict(fit.meta["left_out"]),
        "notices": list(fit.meta["notices"]), "summary": _records(table.reset_index()),
        "diagnostics": _records(diagnosis.table()),
    }  # fmt: skip
    return _finish(fit, options, result, "\n".join(text))


def _check(options: argparse.Namespace) -> int:
    from bayes_scaling import check

    card, fit = _card_and_fit(options, options.card)
    replicates = check.posterior_predictive(fit)
    prior = card.sample_prior_predictive()
    leave_out = check.loo(fit.thinned(1000))
    by = "family" if "family" in fit.frame.columns else None
    parts = {
        "diagnostics": fit.diagnose().table(),
        "prior_predictive": check.range_table(prior).reset_index(),
        "posterior_predictive": check.predictive_table(replicates, by=by),
        "loo": leave_out.table,
    }
    worst = leave_out.pointwise.sort_values("pareto_k", ascending=False).head(5)
    parts["largest_pareto_k"] = worst
    text = "\n\n".join(f"{name}\n{_show(frame)}" for name, frame in parts.items())
    return _finish(fit, options, {k: _records(v) for k, v in parts.items()}, text)


def _own_points(options: argparse.Namespace) -> dict[str, list[Any]]:
    """Read ``NAME=VALUE,VALUE`` pairs; numbers become floats, the rest stays text."""
    points: dict[str, list[Any]] = {}
    for pair in options.at or ():
        name, equals, values = pair.partition("=")
        if not equals or not values:
            raise BayesScalingError(f"--at {pair!r}; expected NAME=VALUE, for example compute=1e24 or family=Pythia.")
        points[name] = [_number(v) for v in values.split(",")]
    return points


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _forecast(options: argparse.Namespace) -> int:
    from bayes_scaling.api import answer
    from bayes_scaling.model.card import ForecastPart

    card, fit = _card_and_fit(options, options.card)
    own = {
        k: getattr(options, k) for k in ("kind", "new_groups", "tokens_per_param") if getattr(options, k) is not None
    }
    if options.level:
        own["levels"] = options.level
    if options.target and options.kind not in (None, "law"):
        raise BayesScalingError(f"--kind {options.kind} does not apply to --target: targets are reached by the law.")
    if options.at or options.target:
        part = ForecastPart("asked on the command line", _own_points(options), options.target or [], **own)
        answers = [(part, answer(fit, part))]
    else:
        from dataclasses import replace

        answers = [(p, answer(fit, replace(p, **own))) for p in card.spec.forecast]
    if not answers:
        raise BayesScalingError(f"card {card.name} asks for no forecast; give points with --at or a --target.")
    text = "\n\n".join(f"{part.title}\n{_show(found.table)}" for part, found in answers)
    result = {"forecasts": [{"title": part.title, "table": _records(found.table)} for part, found in answers]}
    return _finish(fit, options, result, text)


def _compare(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from bayes_scaling.api import compare_arguments
    from bayes_scaling.compare import contrasts, ranking
    from bayes_scaling.model.card import ComparePart

    card, fit = _card_and_fit(options, options.card)
    parts = list(card.spec.compare)
    if options.tokens_per_param is not None:
        parts = [replace(p, tokens_per_param=options.tokens_per_param) for p in parts]
    if options.at or options.target is not None:
        given = {k: v[0] if len(v) == 1 else v for k, v in _own_points(options).items()}
        families = given.pop("family", [])
        families = [families] if isinstance(families, str) else families
        hold = {k: given.pop(k) for k in list(given) if isinstance(given[k], str)}
        parts = [ComparePart("asked on the command line", families=families, target=options.target, at=given,
                             hold=hold, tokens_per_param=options.tokens_per_param)]  # fmt: skip
    if not parts:
        raise BayesScalingError(f"card {card.name} compares nothing; give --target or --at compute=1e24.")
    level = options.level[0] if options.level else 0.9
    found = [(p, contrasts(fit, level=level, **compare_arguments(p)), ranking(fit, level=level, **compare_arguments(p)))
             for p in parts]  # fmt: skip
    text = "\n\n".join(f"{p.title}\n{_show(c)}\n\nranking\n{_show(r)}" for p, c, r in found)
    result = {
        "comparisons": [{"title": p.title, "contrasts": _records(c), "ranking": _records(r)} for p, c, r in found]
    }
    return _finish(fit, options, result, text)


def _backtest(options: argparse.Namespace) -> int:
    card = _changed_card(options, options.card)
    asked = {k: getattr(options, k) for k in ("over", "beyond", "cuts", "within", "families", "workers")}
    folder = options.folder or Path("backtests") / card.name
    made = card.backtest(folder=folder, progressbar=not options.quiet, **asked)
    tables = {"folds": made.folds, "summary": made.summary(), "by_fold": made.summary("fold"), "table": made.frame}
    facts = {"card": card.name, "over": made.over, "unit": made.unit, "gaps": dict(made.gaps), "folder": str(folder)}
    result = {**facts, "notices": list(made.notices), **{k: _records(v) for k, v in tables.items()}}
    return _tell(made.banner, options, result, f"{card.spec.title or card.name}\n{made.text()}")


def _report(options: argparse.Namespace) -> int:
    from bayes_scaling.api import write_card_report

    pairs = [_card_and_fit(options, name) for name in options.card or DEFAULT_REPORT]
    path = write_card_report(pairs, options.output)
    unusable = [card.name for card, fit in pairs if not fit.diagnose().ok]
    if options.json:
        _print_json({"report": str(path), "cards": [c.name for c, _ in pairs], "unusable": unusable})
    else:
        print(path)
    if unusable:
        print(f"bayes-scaling: these fits failed their diagnostics: {', '.join(unusable)}", file=sys.stderr)
        return EXIT_UNUSABLE
    return 0


_COMMANDS = {
    "laws": _laws, "datasets": _datasets, "cards": _cards, "fit": _fit, "check": _check, "forecast": _forecast,
    "compare": _compare, "backtest": _backtest, "report": _report,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
