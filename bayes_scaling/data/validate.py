"""The gate: every table of runs passes :func:`check_runs` before anything else sees it.

Rename, read numbers, check everything at once (pandera says what fails), convert the loss to
nats, fill in what follows from C = 6 N D, and flag. No row is ever dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import COLUMNS, LOSS_UNITS, OUTCOMES, PERCENT, Column
from bayes_scaling.data.derive import derived_columns, fill_derived, mark_rows
from bayes_scaling.data.naming import DERIVED_FROM, described, missing_columns, nothing_known, rename
from bayes_scaling.data.sizes import COLUMNS_WITH_SIZES, experts, read_sizes
from bayes_scaling.errors import DataError, did_you_mean, listed

IDENTIFIERS = (
    "family",
    "model",
    "run",
    "step",
    "seen",
    "task",
    "protocol",
    "tuned",
    "params",
    "active_params",
    "tokens",
    "unique_tokens",
    "compute",
)
SHOWN = 10
Check = Callable[[pd.Series], pd.Series]


def check_runs(
    frame: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    loss_unit: str = "nats",
    bytes_per_token: float | None = None,
    require: Iterable[str] = (),
    further: Iterable[Column] = (),
) -> pd.DataFrame:
    """Check a table of runs and bring it into the package's vocabulary and units.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per run, checkpoint, or model and benchmark. It is not changed. Cells of params, active_params, tokens
        and unique_tokens may be sizes such as ``"7B"``, ``"350M"`` or ``"2T"``.
    columns : mapping of str to str, optional
        Names, as ``{"theirs": "ours"}``. Columns outside the vocabulary are kept as they are.
    loss_unit : {"nats", "bits", "perplexity", "bits_per_byte"}, optional
        Unit of the column ``loss``; the result is in nats per token.
    bytes_per_token : float, optional
        Mean bytes of text per token, needed for ``bits_per_byte`` only.
    require : iterable of str, optional
        Columns that must be there without a gap. In other columns an empty cell means missing.
    further : iterable of Column, optional
        Further columns, as a law declares them. One that bears a name of the
        vocabulary takes its place, for instance to widen a range.

    Returns
    -------
    pandas.DataFrame
        Table with index 0 to n - 1, numbers as float64, params, tokens and compute filled in
        where they follow from each other, and ``flags``. Checking it again changes nothing.

    Raises
    ------
    DataError
        If anything is wrong; the message lists every problem with its column and rows,
        what was found, what was expected and what to do.
    """
    _check_table(frame)
    if frame.empty:
        raise DataError(f"The table is empty ({len(frame)} rows, {frame.shape[1]} columns); expected at least one run.")
    known = {**COLUMNS, **{column.name: column for column in further}}
    require = (require,) if isinstance(require, str) else tuple(require)
    _check_loss_unit(loss_unit, bytes_per_token)
    table = rename(frame, columns, known)
    problems = missing_columns(table, require, known)
    if not problems and not set(known) & set(table.columns):
        problems = [nothing_known(table.columns, known)]
    names_fit = not problems
    labels = list(table.index)
    table = table.reset_index(drop=True)
    table, spoiled, text_problems = _read_values(table, known, labels)
    problems += text_problems
    problems += _check_values(table, known, require, labels, loss_unit, spoiled, names_fit)
    if problems:
        raise DataError(
            f"The table of {len(table)} rows cannot be used, {len(problems)} "
            f"problem{'s' if len(problems) > 1 else ''} found:\n" + "\n".join(problems)
        )
    if "loss" in table.columns:
        table["loss"] = _to_nats(table["loss"], loss_unit, bytes_per_token)
    return mark_rows(fill_derived(table))


def _check_table(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame):
        read = f" Read the file first: read_table({str(frame)!r})." if isinstance(frame, str | Path) else ""
        raise DataError(f"Found {type(frame).__name__}, expected a pandas.DataFrame with one row per run.{read}")


def _check_loss_unit(loss_unit: str, bytes_per_token: float | None) -> None:
    if loss_unit not in LOSS_UNITS:
        raise DataError(
            f"loss_unit={loss_unit!r} is not known.{did_you_mean(loss_unit, LOSS_UNITS)} "
            f"Expected one of: {listed(LOSS_UNITS)}"
        )
    if loss_unit == "bits_per_byte" and not (bytes_per_token and 0 < bytes_per_token < np.inf):
        raise DataError(
            f"loss_unit='bits_per_byte' needs the mean bytes of text per token to give nats per token, "
            f"found bytes_per_token={bytes_per_token!r}; pass for instance bytes_per_token=4.5, "
            f"counted on the validation text with the tokenizer of the runs."
        )
    if loss_unit != "bits_per_byte" and bytes_per_token is not None:
        raise DataError(
            f"bytes_per_token={bytes_per_token!r} is used with loss_unit='bits_per_byte' only, "
            f"found loss_unit={loss_unit!r}; drop it or change the unit."
        )


def _to_nats(loss: pd.Series, loss_unit: str, bytes_per_token: float | None) -> pd.Series:
    if loss_unit == "perplexity":
        return np.log(loss)
    if loss_unit == "bits":
        return loss * np.log(2)
    if loss_unit == "bits_per_byte":
        return loss * np.log(2) * float(bytes_per_token or np.nan)
    return loss


def _read_values(
    table: pd.DataFrame, known: Mapping[str, Column], labels: list[Any]
) -> tuple[pd.DataFrame, dict[str, pd.Series], list[str]]:
    """Turn columns into float64 or text; cells that are neither number nor size become NaN and are reported."""
    table, spoiled, problems = table.copy(), {}, []
    for name in [name for name in table.columns if name in known]:
        raw = table[name]
        if not known[name].numeric:
            table[name] = raw.astype("str")
            continue
        numbers = pd.to_numeric(raw, errors="coerce").astype("float64")
        if name in COLUMNS_WITH_SIZES and numbers.isna().any():
            numbers = numbers.fillna(read_sizes(raw))
        # An empty cell of a csv read as text is missing, not a wrong value.
        empty = raw.isna() | raw.astype("str").str.strip().eq("")
        spoiled[name] = numbers.isna() & ~empty
        table[name] = numbers
        problems += _describe_spoiled(known[name], raw, spoiled[name], labels)
    return table, spoiled, problems


def _describe_spoiled(column: Column, raw: pd.Series, wrong: pd.Series, labels: list[Any]) -> list[str]:
    """Describe the cells of a column that are no numbers, those of mixtures of experts by themselves."""
    if not wrong.any():
        return []
    sizes = column.name in COLUMNS_WITH_SIZES
    example = ", such as 7e9, or sizes such as '7B', '350M' or '2T'" if sizes else ""
    sparse = wrong & experts(raw) if sizes else wrong & False
    advice = {
        f"expected numbers ({column.unit}){example}. Write plain numbers.": wrong & ~sparse,
        "expected the count of all parameters. These name a mixture of experts, whose total does not follow from them: "
        "give 'params' (all) and 'active_params' (used per token) as numbers.": sparse,
    }
    return [
        _line(column.name, [labels[i] for i in np.flatnonzero(rows)], [repr(v) for v in dict.fromkeys(raw[rows])])
        + text
        for text, rows in advice.items()
        if rows.any()
    ]


def _line(name: str, rows: list[Any], found: list[str]) -> str:
    """Start the line of one problem: which column, which rows, which values."""
    shown = ", ".join(str(row) for row in rows[:SHOWN])
    shown += f", ... {len(rows)} in all" if len(rows) > SHOWN else ""
    values = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
    return f"- column {name!r}, row{'s' if len(rows) > 1 else ''} {shown}: found {values}; "


def _limits(column: Column, loss_unit: str) -> tuple[float, float]:
    """Return the range that a column's values must lie in, in the unit they were given in."""
    if column.name != "loss" or loss_unit == "nats":
        return column.low, column.high
    # Other units are checked for their sign here only; a perplexity of 1 is a loss of 0.
    return (1.0, np.inf) if loss_unit == "perplexity" else (0.0, np.inf)


def _floor(column: Column, loss_unit: str) -> float:
    """Return the number that values must exceed, minus infinity where zero is allowed."""
    if column.name == "loss" and loss_unit == "perplexity":
        return 1.0
    return 0.0 if column.kind in ("count", "positive") else -np.inf


def _check_values(
    table: pd.DataFrame,
    known: Mapping[str, Column],
    require: tuple[str, ...],
    labels: list[Any],
    loss_unit: str,
    spoiled: Mapping[str, pd.Series],
    names_fit: bool,
) -> list[str]:
    """Run all checks of all columns and describe every failure."""
    missing = _missing(table, require, spoiled)
    # A required column that is to be derived, in vain in some rows, must be there to be reported.
    table = table.assign(**{name: np.nan for name in missing if name not in table.columns})
    checks: dict[str, dict[str, Check]] = {}
    for name in [name for name in table.columns if name in known or name in missing]:
        numeric = name in known and known[name].numeric
        checks[name] = _number_checks(known[name], loss_unit) if numeric else {}
        if name in missing:
            checks[name]["missing"] = _filled(missing[name])
    # Rows look alike where a column that tells them apart is misnamed: that comes first.
    copies = _duplicates(table, known) & names_fit
    failures = _failures(table, checks, copies)
    return [] if failures is None else _describe(failures, table, known, labels, loss_unit)


def _filled(gap: pd.Series) -> Check:
    """Return the check that no row of a column lies in its gap."""
    return lambda column: ~gap


def _failures(table: pd.DataFrame, checks: Mapping[str, Mapping[str, Check]], copies: pd.Series) -> pd.DataFrame | None:
    """Return pandera's failure cases of the checks of each column, or None where everything holds."""
    passed = (
        check(table[name]) | ((label != "missing") & table[name].isna())
        for name, of_column in checks.items()
        for label, check in of_column.items()
    )
    if not copies.any() and all(rows.all() for rows in passed):
        return None
    import pandera.pandas as pa  # 0.15 s and more: only a table with a fault shall wait for it

    schema = {
        name: pa.Column(
            None,
            [pa.Check(check, name=label, ignore_na=label != "missing") for label, check in of_column.items()],
            nullable=True,
        )
        for name, of_column in checks.items()
    }
    no_duplicates = pa.Check(lambda t: ~copies, name="duplicate", ignore_na=False)
    try:
        pa.DataFrameSchema(schema, checks=[no_duplicates]).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        return error.failure_cases
    return None


def _missing(table: pd.DataFrame, require: tuple[str, ...], spoiled: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """Mark the gaps of required columns that cannot be derived either."""
    derived, gaps = derived_columns(table), {}
    for name in require:
        if name in table.columns:
            gap = table[name].isna() | table[name].astype("str").str.strip().eq("")
            if name in spoiled:
                gap &= ~spoiled[name]
        elif all(part in table.columns for part in DERIVED_FROM.get(name, (name,))):
            gap = pd.Series(True, index=table.index)
        else:
            continue  # reported as a missing column already
        gap &= derived[name].isna() if name in derived else True
        if gap.any():
            gaps[name] = gap
    return gaps


def _number_checks(column: Column, loss_unit: str) -> dict[str, Check]:
    """Return checks that exclude each other: each bad value is reported once, for its first fault."""
    low, high = _limits(column, loss_unit)
    floor = _floor(column, loss_unit)

    def finite(s: pd.Series) -> pd.Series:
        return ~np.isinf(s)

    # Functions named like pandera's own checks (in_range ...) would be replaced by those.
    def right_sign(s: pd.Series) -> pd.Series:
        return (s > floor) | np.isinf(s)

    def within_limits(s: pd.Series) -> pd.Series:
        return s.between(low, high) | ~right_sign(s) | np.isinf(s)

    def whole(s: pd.Series) -> pd.Series:
        return (s == s.round()) | np.isinf(s)

    checks: dict[str, Check] = {"finite": finite, "range": within_limits}
    if floor > -np.inf:
        checks["positive"] = right_sign
    if column.kind == "integer":
        checks["whole"] = whole
    return checks


def _duplicates(table: pd.DataFrame, known: Mapping[str, Column]) -> pd.Series:
    """Mark rows that describe the same run twice.

    Without the name of a model or run, two rows of equal scale may be two seeds,
    so only rows that agree in the outcome too are taken for copies.
    """
    declared = [name for name in known if name not in COLUMNS]
    keys = [name for name in (*IDENTIFIERS, *declared) if name in table.columns]
    outcomes = [name for name in OUTCOMES if name in table.columns]
    named = pd.Series(False, index=table.index)
    for name in ("model", "run"):
        if name in table.columns:
            named |= table[name].notna()
    same_key = table.duplicated(keys, keep=False) if keys else pd.Series(False, index=table.index)
    copies = table.duplicated(keys + outcomes, keep=False) if outcomes else same_key & False
    return (same_key & named) | (copies & ~named)


def _describe(
    failures: pd.DataFrame,
    table: pd.DataFrame,
    known: Mapping[str, Column],
    labels: list[Any],
    loss_unit: str,
) -> list[str]:
    """Turn pandera's failure cases into one line per column and kind of fault."""
    lines = []
    duplicates = failures[failures["check"] == "duplicate"]
    for (name, check), group in failures.drop(index=duplicates.index).groupby(["column", "check"], sort=False):
        positions = sorted({int(i) for i in group["index"]})
        values = table[name].iloc[positions]
        found = ["nothing"] if check == "missing" else [f"{v:g}" for v in dict.fromkeys(values)]
        line = _line(str(name), [labels[i] for i in positions], found)
        lines.append(line + _expectation(known.get(str(name)), str(check), values, loss_unit))
    if len(duplicates):
        lines += _describe_duplicates(table, known, labels)
    return lines


def _expectation(column: Column | None, check: str, values: pd.Series, loss_unit: str) -> str:
    """Say what was expected of a column's values and what to do."""
    if check == "missing" or column is None:
        parts = DERIVED_FROM.get(column.name if column else "", ())
        also = f" (or {parts[0]!r} and {parts[1]!r}, from which it follows)" if parts else ""
        return f"expected a value in every row. Fill the gaps{also}, or leave these rows out of the table."
    if check == "finite":
        return "expected finite numbers. Correct these values, or leave the cell empty where nothing is known."
    if check == "whole":
        return f"expected whole numbers ({column.meaning})."
    converted = column.name == "loss" and loss_unit != "nats"
    meant = f"{column.meaning}; given as {loss_unit}" if converted else described(column)
    low, high = _limits(column, loss_unit)
    if check == "positive":
        floor = _floor(column, loss_unit)
        return f"expected values above {floor:g} ({meant}). Correct or remove these values."
    bounds = [f"at least {low:g}"] * (low > -np.inf) + [f"at most {high:g}"] * (high < np.inf)
    text = f"expected values of {' and '.join(bounds)} ({meant})."
    # The hint is about a unit, so it would mislead where the sign is what is wrong, or a fraction of one.
    least = 1.0 if column.slip == PERCENT else 0.0
    return text + (f" {column.slip}." if column.slip and bool((values > least).any()) else " Correct these values.")


def _describe_duplicates(table: pd.DataFrame, known: Mapping[str, Column], labels: list[Any]) -> list[str]:
    rows = [labels[i] for i in np.flatnonzero(_duplicates(table, known))]
    shown = ", ".join(str(row) for row in rows[:SHOWN])
    shown += f", ... {len(rows)} in all" if len(rows) > SHOWN else ""
    keys = [name for name in (*IDENTIFIERS, *(k for k in known if k not in COLUMNS)) if name in table.columns]
    named = any(name in table.columns for name in ("model", "run"))
    agree = listed(keys if named else [*keys, *(o for o in OUTCOMES if o in table.columns)], 16)
    return [
        f"- rows {shown}: duplicates, found rows that agree in {agree}; expected each run once. Remove the "
        f"copies, or tell the rows apart by 'run' (seeds), 'step' or 'seen' (checkpoints), 'task' or 'protocol'."
    ]
