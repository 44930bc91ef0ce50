"""Forecasts of runs that were held out: chinchilla, overtraining and the published table.

``python -m benchmarks.forecasts`` fits on training rows and scores test rows once. Settings were
chosen inside the training rows (``--inner`` repeats that choice) and frozen; see README.md here for
everything that was ever scored on test rows.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

import bayes_scaling as bs
from bayes_scaling.compare import coverage, score
from bayes_scaling.data import has_flag
from bayes_scaling.fit import Fit
from bayes_scaling.fit.sample import versions
from benchmarks.figures import Figure, arguments, figure, report

SEED = 20261122
REPLICATION = {"E": 1.8172, "alpha": 0.3478, "beta": 0.3658}  # Besiroglu et al. 2024
LEVEL_OF_FAMILY = {
    "partial": {"family": "partial", "task": "none", "task:protocol": "partial"},
    "none": {"family": "none", "task": "partial", "task:protocol": "partial"},
    "complete": {"task": "none", "task:protocol": "partial"},
}


def chinchilla_fit() -> Fit:
    """Return the fit of the chinchilla card."""
    return bs.load_card("chinchilla").fit(progressbar=False)


def chinchilla_figures() -> list[Figure]:
    """Return where the replication's estimates lie in our 90 % intervals."""
    fit = chinchilla_fit()
    table = fit.summary(var_names=list(REPLICATION), level=0.9)
    figures = [_rhat("chinchilla", fit)]
    for name, theirs in REPLICATION.items():
        low, high = table.loc[name, ["lower", "upper"]]
        figures.append(figure(f"chinchilla/{name}_in_90", float(low <= theirs <= high), better="higher", target="1",
                              peer="Besiroglu 2024", peer_value=theirs, unit=f"in {low:.4f}-{high:.4f}"))  # fmt: skip
    return figures


def overtraining_split(frame: pd.DataFrame, *, all_largest: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and test rows: RedPajama 1.4B at 32 times and 6.9B, or every 6.9B run."""
    largest = frame["params"] > 6e9
    long = (frame["params"] > 1e9) & (frame["chinchilla_multiplier"] == 32)
    test = largest if all_largest else (largest | long) & (frame["family"] == "RedPajama")
    return frame[~test], frame[test]


def overtraining_scores(*, all_largest: bool = False, inner: bool = False) -> tuple[Fit, pd.DataFrame]:
    """Fit the overtraining card's model on training rows and score the test rows.

    With ``inner`` the rows of 1.4B are forecast from those below, without any test row.
    """
    card = bs.load_card("overtraining")
    frame = card.data()
    train, test = overtraining_split(frame, all_largest=all_largest)
    if inner:
        train = overtraining_split(train, all_largest=True)[0]
        train, test = train[train["params"] < 1e9], train[train["params"] > 1e9]
    fit = card.model.fit(train, random_seed=SEED, progressbar=False, target_accept=card.spec.fit.target_accept,
                         draws=card.spec.fit.draws, tune=card.spec.fit.tune)  # fmt: skip
    return fit, score(fit, test)


def overtraining_figures(*, inner: bool) -> list[Figure]:
    """Return mean relative error and coverage of held-out large runs."""
    figures = []
    for name, all_largest in (("redpajama_two", False), ("three_6.9B", True)):
        fit, scores = overtraining_scores(all_largest=all_largest, inner=inner)
        target = ("<= 0.01", "all") if not all_largest else ("", "")
        peer = {"peer": "Gadre 2024", "peer_value": 0.007} if not all_largest else {}
        figures += [
            _rhat(f"overtraining/{name}", fit),
            figure(f"overtraining/{name}/rel_error", float(scores["relative_error"].mean()), target=target[0], **peer),
            figure(f"overtraining/{name}/covered90", int(scores["covered"].sum()), better="higher",
                   target=target[1], unit=f"of {len(scores)} runs"),
            figure(f"overtraining/{name}/width90", float(scores["width"].mean()), unit="nats"),
        ]  # fmt: skip
        if inner:
            break
    return figures


def largest_models(frame: pd.DataFrame, *, least: int = 3) -> list[str]:
    """Return, per family with at least so many models, the one with the most compute."""
    runs = frame.drop_duplicates("run").sort_values(["compute", "params"])
    size = runs.groupby("family")["run"].transform("size")
    return runs[size >= least].groupby("family")["run"].last().tolist()


def published_split(*, inner: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and test rows of the published table: each family's largest model held out."""
    card = bs.load_card("published_families")
    frame = card.data()
    frame = frame[frame["accuracy"].notna() & frame["compute"].notna()]
    frame = frame[~has_flag(frame, card.spec.data.exclude_flags)]
    for _ in range(2 if inner else 1):
        test = frame[frame["run"].isin(largest_models(frame))]
        train = frame[~frame["run"].isin(test["run"])]
        frame = train
    return train, test


def published_scores(pooling: str, *, inner: bool = False) -> tuple[Fit, pd.DataFrame]:
    """Fit the published table with families pooled in one of three ways and score the largest models."""
    train, test = published_split(inner=inner)
    card = bs.load_card("published_families")
    spec = card.spec.model
    levels = {**spec.pooling, "level": LEVEL_OF_FAMILY[pooling]}
    model = bs.ScalingModel(spec.law, groups=spec.groups, pooling=levels)
    settings = vars(card.spec.fit)
    fit = model.fit(train, random_seed=SEED, progressbar=False,
                    **{k: settings[k] for k in ("draws", "tune", "chains", "target_accept", "adaptation")})  # fmt: skip
    return fit, score(fit, test, new_groups="population")


def published_figures(*, inner: bool) -> list[Figure]:
    """Return log density and coverage of partial pooling beside none and complete."""
    figures = []
    found = {}
    for pooling in ("partial",) if inner else LEVEL_OF_FAMILY:
        fit, scores = published_scores(pooling, inner=inner)
        found[pooling] = float(scores["lpd"].mean())
        covered = coverage(scores, unit="run", level=0.9)
        figures += [
            _rhat(f"published/{pooling}", fit),
            figure(f"published/{pooling}/lpd", found[pooling], better="higher", unit="per row"),
            figure(f"published/{pooling}/coverage90", covered["coverage"], better="higher",
                   unit=f"{covered['lo']:.3f}-{covered['hi']:.3f}"),
            figure(f"published/{pooling}/width90", covered["width"], unit=f"{covered['rows']} rows"),
        ]  # fmt: skip
    return figures


def _rhat(name: str, fit: Fit) -> Figure:
    table = fit.diagnose().table().set_index("name")["found"]
    return figure(f"{name}/rhat", float(table["largest R-hat"]), target="< 1.01",
                  unit=f"{int(table['divergences'])} divergences")  # fmt: skip


PARTS: dict[str, Callable[..., list[Figure]]] = {
    "overtraining": overtraining_figures,
    "published": published_figures,
}


def main() -> None:
    """Print every figure beside its target."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--inner", action="store_true", help="score hold-outs inside the training rows instead")
    options = parser.parse_args()
    figures = [] if options.inner else chinchilla_figures()
    for part in PARTS.values():
        figures += part(inner=options.inner)
    about = {"seed": SEED, "scored on": "inner hold-outs" if options.inner else "test rows", **versions()}
    report(figures, options.json, about=about)


if __name__ == "__main__":
    main()
