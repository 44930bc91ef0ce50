"""The commands that need a fit."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

from bayes_scaling import check
from bayes_scaling.api import answer, compare_arguments, write_card_report
from bayes_scaling.cli import questions
from bayes_scaling.cli.fits import card_and_fit, changed_card, check_writable
from bayes_scaling.cli.parser import DEFAULT_REPORT
from bayes_scaling.cli.show import EXIT_UNUSABLE, forecast_text, print_json, records, show, tell, warn
from bayes_scaling.cli.skills import tables_of, text_of
from bayes_scaling.compare import contrasts, ranking
from bayes_scaling.errors import CardError
from bayes_scaling.fit import Fit, connect, failure_banner


def fit(options: argparse.Namespace) -> int:
    """Fit a card and print its posterior."""
    card, made, _ = card_and_fit(options, options.card)
    table, diagnosis = made.summary(), made.diagnose()
    shown = table[~table.index.str.contains("_effect")]
    columns = ["median", "lower", "upper", "level", "interval", "mcse_median", "ess_bulk", "r_hat"]
    columns = ["stage", *columns] if "stage" in shown else columns
    stages = made.stages.values()
    laws = ", then ".join(f"law {f.spec.law.name}, {len(f.frame)} rows" for f in stages)
    notices = list(dict.fromkeys(n for f in stages for n in f.meta["notices"]))
    left_out = {why: n for f in stages for why, n in f.meta["left_out"].items()}
    text = [f"{card.spec.title or card.name}: {laws}", *(f"note: {n}" for n in notices),
            *(f"left out: {n} rows ({why})" for why, n in left_out.items()),
            shown[columns].to_string(float_format=lambda v: f"{v:.4g}"),
            *(f"- {p}" for p in diagnosis.problems)]  # fmt: skip
    result = {
        "card": card.name, "rows": len(next(iter(stages)).frame), "left_out": left_out, "notices": notices,
        "summary": records(table.reset_index()), "diagnostics": records(diagnosis.table()),
    }  # fmt: skip
    return tell(failure_banner(made), options, result, "\n".join(text))


def checks(options: argparse.Namespace) -> int:
    """Print diagnostics, predictive checks and leave-one-out, of each stage of a chain."""
    card, made, data = card_and_fit(options, options.card)
    parts: dict[str, Any] = {"diagnostics": made.diagnose().table()}
    for outcome, (model, table) in card.stages(data).items():
        named = f"_of_{outcome}" if len(made.stages) > 1 else ""
        prior = check.prior_predictive(model, table, exclude_flags=card.spec.data.exclude_flags)
        parts |= {f"{k}{named}": v for k, v in _stage_checks(made.stages[outcome], prior).items()}
    texts = {name: show(frame) for name, frame in parts.items()}
    diagnosis = made.diagnose()
    passed = [f"ok: {c.name}: {c.found:.4g}, expected {c.expected}" for c in diagnosis.checks if c.ok]
    texts["diagnostics"] = "\n".join([*(f"NOT ok: {p}" for p in diagnosis.problems), *passed])
    text = "\n\n".join(f"{name}\n{shown}" for name, shown in texts.items())
    return tell(failure_banner(made), options, {k: records(v) for k, v in parts.items()}, text)


def _stage_checks(made: Fit, prior: check.Predictive) -> dict[str, Any]:
    """Return the tables of predictive checks and leave-one-out of one fit."""
    leave_out = check.loo(made.thinned(1000))
    by = "family" if "family" in made.frame.columns else None
    return {
        "prior_predictive": check.range_table(prior).reset_index(),
        "posterior_predictive": check.predictive_table(check.posterior_predictive(made), by=by),
        "loo": leave_out.table.assign(**({"note": leave_out.note} if leave_out.note else {})),
        "largest_pareto_k": leave_out.pointwise.sort_values("pareto_k", ascending=False).head(5),
    }


def forecast(options: argparse.Namespace) -> int:
    """Print what the card or the command line asks to forecast."""
    parts = questions.forecasts(options, changed_card(options, options.card))
    _, made, _ = card_and_fit(options, options.card, parts)
    answers = [(part, answer(made, part)) for part in parts]
    text = "\n\n".join(forecast_text(part.title, found) for part, found in answers)
    result = {"forecasts": [{"title": part.title, "table": records(found.table)} for part, found in answers]}
    return tell(failure_banner(made), options, result, text)


def compare(options: argparse.Namespace) -> int:
    """Print what the card or the command line asks to compare."""
    card = changed_card(options, options.card)
    if card.spec.then is not None:
        raise CardError(f"card {card.name} is a chain; compare families by a card of one of its stages.")
    parts = questions.comparisons(options, card)
    _, made, _ = card_and_fit(options, options.card, parts)
    level = options.level[0] if options.level else 0.9
    found = []
    for part in parts:
        asked: dict[str, Any] = {**compare_arguments(part), "level": level}
        found.append((part.title, contrasts(made, **asked), ranking(made, **asked)))
    text = "\n\n".join(f"{title}\n{show(c)}\n\nranking\n{show(r)}" for title, c, r in found)
    result = {"comparisons": [{"title": t, "contrasts": records(c), "ranking": records(r)} for t, c, r in found]}
    return tell(failure_banner(made), options, result, text)


def skills(options: argparse.Namespace) -> int:
    """Print who is how skilled, what compute is worth, and what the benchmarks measure and tell."""
    asked = questions.skills(options, changed_card(options, options.card))
    card, made, _ = card_and_fit(options, options.card)
    found, notices = tables_of(made, asked, options.reference)
    banner = failure_banner(made)
    text = "\n\n".join([*([banner] if banner else []), text_of(found, asked), *(f"note: {n}" for n in notices)])
    result = {"card": card.name, "notices": notices, **{name: records(table) for name, table in found.items()}}
    return tell(banner, options, result, text)


def backtest(options: argparse.Namespace) -> int:
    """Hold out, refit, forecast and print the scores."""
    card = changed_card(options, options.card)
    asked = {k: getattr(options, k) for k in ("over", "beyond", "cuts", "within", "families", "workers")}
    folder = options.folder or Path("backtests") / card.name
    with contextlib.closing(connect(options.scheduler)) if options.scheduler else contextlib.nullcontext() as executor:
        made = card.backtest(folder=folder, progressbar=not options.quiet, executor=executor, **asked)
    tables = {"folds": made.folds, "summary": made.summary(), "by_fold": made.summary("fold"), "table": made.frame}
    facts = {"card": card.name, "over": made.over, "unit": made.unit, "gaps": dict(made.gaps), "folder": str(folder)}
    result = {**facts, "notices": list(made.notices), **{k: records(v) for k, v in tables.items()}}
    return tell(made.banner, options, result, f"{card.spec.title or card.name}\n{made.text()}")


def report(options: argparse.Namespace) -> int:
    """Write one HTML report."""
    check_writable(options.output)
    pairs = [card_and_fit(options, name)[:2] for name in options.card or DEFAULT_REPORT]
    path = write_card_report(pairs, options.output)
    unusable = [card.name for card, made in pairs if not made.diagnose().ok]
    if options.json:
        print_json({"report": str(path), "cards": [c.name for c, _ in pairs], "unusable": unusable})
    else:
        print(path)
    if unusable:
        warn(f"bayes-scaling: these fits failed their diagnostics: {', '.join(unusable)}")
        return EXIT_UNUSABLE
    return 0
