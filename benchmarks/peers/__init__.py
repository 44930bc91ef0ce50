"""Point estimators that we compare with on the 92 curves, re-implemented from their papers.

``PEERS`` holds them by name, ``table()`` their scores per curve; ``python -m benchmarks.peers`` prints them beside the
published figures. A new peer is one file with a ``fit(x, y)`` and one line here.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from benchmarks.peers import broken_power_law, least_squares, m_estimators, scoring
from benchmarks.peers.interface import Fit, Peer
from benchmarks.peers.published import ALABDULMOHSIN, CABALLERO, LEE, PUBLISHED


def _peer(name: str, citation: str, fit: Fit | None = None) -> Peer:
    """Return a peer with the figures published under its name."""
    return Peer(name, citation, fit, PUBLISHED.get(name, {}))


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        _peer("M1", ALABDULMOHSIN, m_estimators.fit_m1),
        _peer("M2", ALABDULMOHSIN, m_estimators.fit_m2),
        _peer("M3", ALABDULMOHSIN, m_estimators.fit_m3),
        _peer("M4", ALABDULMOHSIN, m_estimators.fit_m4),
        _peer("M2-ls", f"{ALABDULMOHSIN}; least squares of log y", least_squares.fit_m2),
        _peer("M3-ls", f"{ALABDULMOHSIN}; least squares of log y", least_squares.fit_m3),
        _peer("M4-ls", f"{ALABDULMOHSIN}; least squares of log y", least_squares.fit_m4),
        _peer("BNSL", CABALLERO, broken_power_law.fit),
        _peer("NSL-PFN", LEE),
    )
}


def table(
    curves: pd.DataFrame | None = None, *, peers: list[str] | None = None, done: Callable[[Peer], None] | None = None
) -> pd.DataFrame:
    """Return the RMSLE of every peer that can be fitted on every curve: peer, domain, run, rmsle.

    Parameters
    ----------
    curves : pandas.DataFrame, optional
        Curves with columns family, run, seen, loss, training; default the dataset ``curves``.
    peers : list of str, optional
        Names in ``PEERS``; default all.
    done : callable, optional
        Called with each peer once it is scored.

    Raises
    ------
    KeyError
        For a name that is not in ``PEERS``.
    """
    return scoring.table([PEERS[name] for name in peers or PEERS], curves, done=done)
