"""Peers on the 92 curves beside their published figures: ``python -m benchmarks.peers [--json FILE]``."""

from __future__ import annotations

import platform
import sys
import time
from importlib.metadata import version

import pandas as pd

from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.peers import PEERS, table
from benchmarks.peers.interface import Peer
from benchmarks.peers.scoring import summary


def figures_of(scores: pd.DataFrame) -> list[Figure]:
    """Return mean and median RMSLE of every peer and domain, the mean beside the published one."""
    found = []
    for row in summary(scores).reset_index().to_dict("records"):
        name, unit = f"peers/{row['peer']}/{row['domain']}", f"{row['curves']} curves"
        known = PEERS[row["peer"]].published.get(row["domain"])
        source, value = (f"published ({known.source})", known.rmsle) if known else ("", None)
        found.append(figure(f"{name}/rmsle_mean", float(row["mean"]), unit=unit, peer=source, peer_value=value))
        found.append(figure(f"{name}/rmsle_median", float(row["median"]), unit=unit))
    return found


def quoted() -> dict[str, str]:
    """Return the figures of peers that are quoted only."""
    return {
        f"{peer.name} {domain} (quoted: {known.source})": f"rmsle {known.rmsle:g}"
        + (f", lpd {known.lpd:g}" if known.lpd is not None else "")
        for peer in PEERS.values()
        if peer.fit is None
        for domain, known in peer.published.items()
    }


def main() -> None:
    """Fit and score every peer."""
    options = arguments(__doc__ or "").parse_args()
    began = time.perf_counter()

    def done(peer: Peer) -> None:
        print(f"{peer.name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)

    scores = table(done=done)
    versions = {name: version(name) for name in ("numpy", "scipy", "numba")}
    report(figures_of(scores), options.json, about={"python": platform.python_version(), **versions, **quoted()})


if __name__ == "__main__":
    main()
