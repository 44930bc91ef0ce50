"""Everything that was ever scored on the test rows of the 92 curves, ours of earlier trials included."""

from __future__ import annotations

SCORED = (
    "Before this repository (the leads of issue 3): one-break laws with independent noise, priors on the absolute "
    "scale of the break, pooled by domain; the same with Ornstein-Uhlenbeck and smoother discrepancies; widths tuned "
    "by backtests inside the training rows. What was learnt there chose the kernel and the law's family, "
    "and spoke for a low floor on IC.",
    "benchmarks/peers: M1-M4 and BNSL as re-implemented, and the variants that were tried to reproduce their published "
    "figures (listed in the docstrings of benchmarks/peers/): M1-M4 by alternation and by least squares of log loss, "
    "several starts and weightings of BNSL and M4.",
    "2026-11-24: the frozen cards models/curves_*.toml, once: mean RMSLE .0303 IC, .0145 NMT, .00075 LM, .0139 BB; "
    "coverage .774, 1, .96, .717 (results/curves.json).",
    "2026-11-24, after that, to find why: successive differences of the test rows (noise of log loss 0.012 bird, "
    "0.021 CIFAR, 0.022 Caltech, 0.0035 ImageNet, medians over curves), how often they rise, and how far the first "
    "test rows lie from the last training row. A noise model made after this is informed by test rows.",
)
