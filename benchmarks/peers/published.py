"""Figures of papers on the 92 curves: mean RMSLE over the curves of a domain, and where they stand.

Tables 2 and 3 of arXiv:2209.06640 were read in a public copy of the version submitted to NeurIPS 2022; they list
curves, their mean is ours. The figures of arXiv:2505.23032 for IC were read in a public note on the paper (which gives
M4 and BNSL as 0.0415 and 0.0406); those marked "issue 3" were handed down to us, and could not be checked there.
"""

from __future__ import annotations

from benchmarks.peers.interface import Published

ALABDULMOHSIN = "Alabdulmohsin, Neyshabur, Zhai (2022), Revisiting Neural Scaling Laws, arXiv:2209.06640"
CABALLERO = "Caballero, Gupta, Rish, Krueger (2023), Broken Neural Scaling Laws, arXiv:2210.14891"
LEE = "Lee et al. (2025), Bayesian Neural Scaling Law Extrapolation with PFNs (NSL-PFN), arXiv:2505.23032"

_LISTED: dict[str, dict[str, tuple[float, ...]]] = {
    "NMT": {  # 6 Enc 6 Dec, 28 Enc 6 Dec, 6 Enc 28 Dec, Decoder-only, TEnc-LSTM
        "M1": (0.26, 0.17, 0.23, 0.25, 0.19),
        "M2": (0.039, 0.056, 0.053, 0.039, 0.013),
        "M3": (0.089, 0.033, 0.016, 0.089, 0.062),
        "M4": (0.010, 0.013, 0.030, 0.010, 0.012),
    },
    "LM": {  # 16.8M, 134M, 262M, 453M, 1.07B (M4 there: 0.00031, 0.0019, 0.0018, 0.00075, 0.0013, mean 0.0012)
        "M1": (0.015, 0.016, 0.023, 0.017, 0.017),
        "M2": (0.00060, 0.0017, 0.0019, 0.00074, 0.0017),
        "M3": (0.0025, 0.00066, 0.0052, 0.00066, 0.0045),
    },
    "BB": {  # linguistic mappings, qa, unit conversion, mult. data wrangling, date understanding: 1-shot, 2-shot
        "M1": (0.016, 0.017, 0.0042, 0.0044, 0.0083, 0.011, 0.011, 0.016, 0.032, 0.029),
        "M2": (0.016, 0.017, 0.0044, 0.0047, 0.0081, 0.011, 0.011, 0.016, 0.032, 0.029),
        "M3": (0.016, 0.017, 0.0042, 0.0044, 0.0015, 0.0075, 0.011, 0.016, 0.0047, 0.0048),
        "M4": (0.017, 0.0092, 0.0044, 0.0049, 0.0023, 0.0029, 0.013, 0.0062, 0.015, 0.018),
    },
}
_WHERE = {"NMT": "Table 2", "LM": "Table 2", "BB": "Table 3"}
_NOTE = "arXiv:2505.23032, IC results, by a public note"
_HANDED_DOWN = "arXiv:2505.23032 by issue 3, unchecked"


def _means(peer: str) -> dict[str, Published]:
    """Return the means of what Tables 2 and 3 of arXiv:2209.06640 list for an estimator."""
    return {
        domain: Published(sum(rows[peer]) / len(rows[peer]), f"arXiv:2209.06640, {_WHERE[domain]}, mean of its rows")
        for domain, rows in _LISTED.items()
        if peer in rows
    }


PUBLISHED: dict[str, dict[str, Published]] = {
    "M1": _means("M1"),
    "M2": _means("M2"),
    "M3": _means("M3"),
    "M4": {"IC": Published(0.0415, _NOTE), **_means("M4"), "LM": Published(0.0009, _HANDED_DOWN)},
    "BNSL": {
        "IC": Published(0.0406, _NOTE),
        "NMT": Published(0.0105, _HANDED_DOWN),
        "LM": Published(0.0009, _HANDED_DOWN),
    },
    "NSL-PFN": {"IC": Published(0.0280, _NOTE, lpd=3.330)},
}
