"""Fits every peer to the training rows of the 92 curves and scores it on the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from bayes_scaling.data.loaders import load_dataset
from benchmarks.peers.interface import Floats, Peer

DOMAINS = ("IC", "NMT", "LM", "BB")


def rmsle(predicted: Floats, loss: Floats) -> float:
    """Return the root mean squared error of the logarithm over the test rows of a curve.

    Raises
    ------
    ValueError
        Where a prediction or a loss is not positive and finite, or shapes differ.
    """
    predicted, loss = np.asarray(predicted, dtype=float), np.asarray(loss, dtype=float)
    if predicted.shape != loss.shape or loss.size == 0:
        raise ValueError(f"expected as many predictions as losses, found shapes {predicted.shape} and {loss.shape}")
    if not (np.isfinite(predicted) & np.isfinite(loss) & (predicted > 0) & (loss > 0)).all():
        raise ValueError("expected positive, finite predictions and losses")
    return float(np.sqrt(np.mean((np.log(predicted) - np.log(loss)) ** 2)))


def table(
    peers: Iterable[Peer], curves: pd.DataFrame | None = None, *, done: Callable[[Peer], None] | None = None
) -> pd.DataFrame:
    """Return the RMSLE of peers on every curve.

    Parameters
    ----------
    peers : iterable of Peer
        Those without ``fit`` are passed over.
    curves : pandas.DataFrame, optional
        With columns family (the domain), run, seen, loss and training; default the dataset ``curves``, with upstream's
        rows, from which the published figures were made. Only rows with
        ``training`` are fitted, only the others are scored.
    done : callable, optional
        Called with each peer once it is scored.

    Returns
    -------
    pandas.DataFrame
        One row per peer and curve: peer, domain, run, rmsle.
    """
    frame = load_dataset("curves") if curves is None else curves
    groups = list(frame.groupby("run", sort=True))
    rows = []
    for peer in peers:
        if peer.fit is None:
            continue
        for run, curve in groups:
            domain = curve["family"].iloc[0]
            rows.append({"peer": peer.name, "domain": domain, "run": run, "rmsle": _score(peer, curve)})
        if done:
            done(peer)
    return pd.DataFrame(rows, columns=["peer", "domain", "run", "rmsle"])


def _score(peer: Peer, curve: pd.DataFrame) -> float:
    """Fit one curve and return the RMSLE of its test rows; an error names peer and curve."""
    assert peer.fit is not None
    fitted, scored = curve[curve["training"]], curve[~curve["training"]]
    scale = "seen_upstream" if "seen_upstream" in curve.columns else "seen"  # as the papers had it
    try:
        predict = peer.fit(fitted[scale].to_numpy(float), fitted["loss"].to_numpy(float))
        return rmsle(predict(scored[scale].to_numpy(float)), scored["loss"].to_numpy(float))
    except ValueError as error:
        raise ValueError(f"{peer.name} on {curve['run'].iloc[0]}: {error}") from error


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean and median RMSLE by peer and domain, in the order given and of ``DOMAINS``.

    Parameters
    ----------
    scores : pandas.DataFrame
        What ``table`` returns.

    Returns
    -------
    pandas.DataFrame
        Indexed by (peer, domain): mean, median, curves.
    """
    found = scores.groupby(["peer", "domain"], sort=False)["rmsle"].agg(["mean", "median", "size"])
    order = [(peer, d) for peer in scores["peer"].unique() for d in DOMAINS if (peer, d) in found.index]
    return found.loc[order].rename(columns={"size": "curves"})
