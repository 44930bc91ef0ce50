"""Our frozen models of the 92 curves, one card per domain: ``python -m benchmarks.curves [--inner] [--json FILE]``.

Each card is fitted to the rows with Training = 1 and scores the others. Laws, priors and settings were chosen on
hold-outs inside the training rows (``--inner`` repeats the last of them) and frozen; how rows are read was mended after
a first scoring. Everything that was ever scored on test rows is listed in the output (``benchmarks/scored.py``).
"""

from __future__ import annotations

import sys
import time

import pandas as pd

import bayes_scaling as bs
from bayes_scaling.compare import calibrate_width, coverage, score
from bayes_scaling.data import load_dataset
from bayes_scaling.fit import Fit
from bayes_scaling.fit.sample import versions
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.peers import PEERS, table
from benchmarks.peers.scoring import DOMAINS, rmsle, summary
from benchmarks.scored import SCORED

INNER = {"IC": 2.13, "NMT": 2.0, "LM": 2.1, "BB": 2.0}  # factor beyond which the end of each curve is held out
TARGETS = {
    "IC": {"rmsle_mean": "<= 0.026", "lpd": ">= 3.40", "coverage90": "0.85-0.95"},
    "NMT": {"rmsle_mean": "<= 0.011"},
    "LM": {"rmsle_mean": "<= 0.0007", "coverage90": "lo-hi holds 0.90"},
    "BB": {"rmsle_mean": "<= 0.007", "coverage90": "lo-hi holds 0.90"},
}


def card_of(domain: str) -> bs.Card:
    """Return the frozen card of a domain."""
    return bs.load_card(f"curves_{domain.lower()}")


def fit_and_score(domain: str) -> tuple[Fit, pd.DataFrame]:
    """Fit a domain's training rows and score its test rows."""
    card = card_of(domain)
    curves = load_dataset("curves")
    test = curves[(curves["family"] == domain) & ~curves["training"]]
    fit = card.fit(progressbar=False)
    return fit, score(fit, test)


def inner_scores(domain: str) -> pd.DataFrame:
    """Fit each curve's training rows but the last factor of its scale and score these: no test row is read.

    Which rows stand for a stretch was found from all training rows, these included.
    """
    card = card_of(domain)
    done = card.backtest(within="run", beyond=INNER[domain], levels=(0.9,), workers=0, progressbar=False)
    return done.frame.rename(columns={"covered_90": "covered", "width_90": "width"})


def by_curve(scores: pd.DataFrame) -> pd.DataFrame:
    """Return RMSLE, log density, coverage and width of each curve, one row per curve."""
    rows = []
    for run, curve in scores.groupby("run", sort=True):
        rows.append({
            "run": run, "rmsle": rmsle(curve["median"].to_numpy(), curve["observed"].to_numpy()),
            "lpd": curve["lpd"].mean(), "coverage90": curve["covered"].mean(), "width90": curve["width"].mean(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def covered(scores: pd.DataFrame) -> dict[str, float]:
    """Return coverage with every curve counting once, and its 90 % interval over curves."""
    found = coverage(scores, unit="run", each_once=True)
    return {"coverage90": found["coverage"], "coverage90_lo": found["lo"], "coverage90_hi": found["hi"]}


def figures_of(domain: str, scores: pd.DataFrame) -> list[Figure]:
    """Return a domain's figures beside their targets."""
    curves, target = by_curve(scores), TARGETS[domain]
    unit = f"{len(curves)} curves"
    found = {
        "rmsle_mean": float(curves["rmsle"].mean()), "rmsle_median": float(curves["rmsle"].median()),
        "lpd": float(curves["lpd"].mean()), **covered(scores), "width90": float(curves["width90"].mean()),
    }  # fmt: skip
    best = _best_published(domain)
    lines = []
    for name, value in found.items():
        beside = best.get(name, ("", None))
        lines.append(figure(f"curves/{domain}/{name}", value, better="lower" if "rmsle" in name else "higher",
                            target=target.get(name, ""), peer=beside[0], peer_value=beside[1], unit=unit))  # fmt: skip
    return lines


def calibrated(domain: str, scores: pd.DataFrame) -> list[Figure]:
    """Return coverage and width with widths learned from the finished curves of the other tasks; none where one is all.

    These figures use test rows of other tasks: they are not those of training rows only.
    """
    if scores["dataset"].nunique() < 2:
        return []
    found = calibrate_width(scores, by="dataset")
    unit = "widths learned from test rows of the other tasks"
    values = {**covered(found), "width90": float(by_curve(found.assign(lpd=float("nan")))["width90"].mean())}
    return [figure(f"calibrated/{domain}/{k}", v, better="higher", unit=unit) for k, v in values.items()]


def _best_published(domain: str) -> dict[str, tuple[str, float]]:
    """Return the best published mean RMSLE and log density of a domain, with whose it is."""
    known = [(peer.name, peer.published[domain]) for peer in PEERS.values() if domain in peer.published]
    best: dict[str, tuple[str, float]] = {}
    if known:
        name, figures = min(known, key=lambda item: item[1].rmsle)
        best["rmsle_mean"] = (f"{name} (published)", figures.rmsle)
    for name, figures in known:
        if figures.lpd is not None:
            best["lpd"] = (f"{name} (published)", figures.lpd)
    return best


def _sampling(domain: str, fit: Fit) -> list[Figure]:
    checks = fit.diagnose().table().set_index("name")["found"]
    told = f"{int(checks['divergences'])} divergences"
    return [
        figure(f"curves/{domain}/rhat", float(checks["largest R-hat"]), target="< 1.01", unit=told),
        figure(f"curves/{domain}/ess_bulk", float(checks["smallest bulk ESS"]), better="higher", target=">= 400"),
        figure(f"curves/{domain}/seconds", sum(fit.meta["seconds"].values()), unit="s"),
    ]  # fmt: skip


def _peers() -> list[Figure]:
    """Return mean RMSLE of the re-implemented estimators on upstream's rows."""
    found = summary(table()).reset_index()
    return [
        figure(f"peers/{row['peer']}/{row['domain']}/rmsle_mean", float(row["mean"]), unit=f"{row['curves']} curves")
        for row in found.to_dict("records")
    ]


def main() -> None:
    """Fit every domain's card and print its figures."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--inner", action="store_true", help="score hold-outs inside the training rows instead")
    parser.add_argument("--only", nargs="+", choices=DOMAINS, default=list(DOMAINS), help="domains; default all")
    parser.add_argument("--rows", metavar="FILE", help="also write the scores of every curve to this CSV file")
    options = parser.parse_args()
    figures: list[Figure] = []
    every = []
    for domain in options.only:
        began = time.perf_counter()
        if options.inner:
            scores = inner_scores(domain)
        else:
            fit, scores = fit_and_score(domain)
            figures += _sampling(domain, fit) + calibrated(domain, scores)
        figures += figures_of(domain, scores)
        every.append(scores)
        print(f"{domain}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    pooled = pd.concat(every, ignore_index=True)
    if set(options.only) == set(DOMAINS):
        unit = f"{pooled['run'].nunique()} curves"
        for name, value in covered(pooled).items():
            target = "0.85-0.95" if name == "coverage90" else ""
            figures.append(figure(f"curves/all/{name}", value, better="higher", unit=unit, target=target))
    if options.rows:
        by_curve(pooled).to_csv(options.rows, index=False)
    if not options.inner:
        figures += _peers()
    where = "hold-outs inside the training rows" if options.inner else "test rows"
    told = {f"scored on test rows {i}": line for i, line in enumerate(SCORED, 1)}
    report(figures, options.json, about={"scored on": where, **versions(), **told})


if __name__ == "__main__":
    main()
