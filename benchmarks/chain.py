"""The chain compute -> loss -> task error: ``python -m benchmarks.chain [--inner] [--json FILE]``.

The two largest over-trained runs of each of three corpora (1.4B at 4, 32 or 16 times the usual tokens, and 6.9B) are
forecast from the others by the model of the card ``overtraining_chain``, as loss and as the mean error of 17 tasks.
``--inner`` repeats hold-outs inside the others, where every choice was made. What was ever scored:
``benchmarks/scored.py``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.fit import ChainFit
from bayes_scaling.fit.sample import versions
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.scored import SCORED_CHAIN

CARD = "overtraining_chain"
LARGEST = 2  # runs of each corpus that are the test
TARGETS = {
    "loss": {"rel_error": ("<= 0.010", 0.0148), "covered": ">= 5 of 6"},
    "error": {"rel_error": ("<= 0.030", 0.0366), "covered": ">= 5 of 6"},
}


def without_test(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs that choices may be made on, and the test: the two of each corpus with the most compute."""
    test = frame.groupby("family")["compute"].rank(ascending=False) <= LARGEST
    return frame[~test], frame[test]


def inner_folds(frame: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return hold-outs inside the training runs: the largest, the same from far below, and the test one size lower."""
    compute, params, times = frame["compute"], frame["params"], frame["chinchilla_multiplier"]
    large = compute >= 2e20
    middle = (params > 2e8) & (params < 5e8)
    return {
        "near": (frame[~large], frame[large]),
        "far": (frame[compute < 6.5e19], frame[large]),
        "size": (
            frame[(params < 2e8) | (middle & (times == 1))], frame[(middle & (times >= 4)) | (params > 1e9)],
        ),
    }  # fmt: skip


def fit_and_score(train: pd.DataFrame, test: pd.DataFrame) -> tuple[ChainFit, pd.DataFrame]:
    """Fit the card's chain to some runs and forecast others; one row per run and outcome."""
    card = bs.load_card(CARD)
    fit = card.fit(data=train, progressbar=False)
    points = test[["family", "params", "matmul_params", "tokens"]].reset_index(drop=True)
    parts = []
    for name, outcome, observed in (
        ("loss", "loss", test["loss"]), ("error", "accuracy", 1 - card.tasks(test)["accuracy"]),
    ):  # fmt: skip
        made = bs.forecast(fit, points, outcome=outcome, levels=(0.9,))
        low, high = made.table["lower"].to_numpy(), made.table["upper"].to_numpy()
        middle = made.median
        if name == "error":
            low, high, middle = 1 - high, 1 - low, 1 - middle
        seen = observed.to_numpy()
        parts.append(points.assign(
            outcome=name, observed=seen, median=middle, lower=low, upper=high, covered=(low <= seen) & (seen <= high),
            relative_error=np.abs(middle / seen - 1), width=high - low,
        ))  # fmt: skip
    return fit, pd.concat(parts, ignore_index=True)


def figures_of(prefix: str, fit: ChainFit, scores: pd.DataFrame, *, test: bool) -> list[Figure]:
    """Return error, coverage and width of loss and of task error, beside targets where it is the test."""
    checks = fit.diagnose().table()
    rhat = checks[checks["name"].str.endswith("largest R-hat")]["found"].max()
    split = int(checks[checks["name"].str.endswith("divergences")]["found"].sum())
    figures = [figure(f"{prefix}rhat", float(rhat), target="< 1.01", unit=f"{split} divergences")]
    for name, part in scores.groupby("outcome", sort=False):
        wanted = TARGETS[str(name)] if test else {"rel_error": ("", None), "covered": ""}
        target, peer = wanted["rel_error"]
        beside = {"peer": "best known", "peer_value": peer} if peer is not None else {}
        figures += [
            figure(f"{prefix}{name}_rel_error", float(part["relative_error"].mean()), target=target, **beside),
            figure(f"{prefix}{name}_covered", int(part["covered"].sum()), better="higher", target=wanted["covered"],
                   unit=f"of {len(part)} runs"),
            figure(f"{prefix}{name}_width90", float(part["width"].mean()), unit="nats" if name == "loss" else ""),
        ]  # fmt: skip
    return figures


def chain_figures(*, inner: bool = False) -> list[Figure]:
    """Return the figures of the chain: of the test runs, or of hold-outs inside the others."""
    rest, test = without_test(bs.load_card(CARD).data())
    if not inner:
        return figures_of("chain/", *fit_and_score(rest, test), test=True)
    return [
        one
        for name, (train, held_out) in inner_folds(rest).items()
        for one in figures_of(f"chain/inner_{name}/", *fit_and_score(train, held_out), test=False)
    ]


def main() -> None:
    """Print the figures beside their targets, and what was ever scored on the test runs."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--inner", action="store_true", help="score hold-outs inside the training runs instead")
    options = parser.parse_args()
    about = {"scored on": "inner hold-outs" if options.inner else "test runs", **versions()}
    report(chain_figures(inner=options.inner), options.json, about=about)
    print("\nEverything that was ever scored on these test runs:", *SCORED_CHAIN, sep="\n- ")


if __name__ == "__main__":
    main()
