"""The beta-binomial log density with its own gradient, as one compiled operation.

Its log-gamma and digamma differences are most of the cost of an accuracy model. Here value and
both derivatives come out of one pass over the rows that shares their logarithms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from scipy import special


class BetaBinomialTerms(Op):
    """Log density without the binomial coefficient, and its derivatives, shape (row,) each.

    Inputs are count, items, mean and concentration (float64, shape (row,)); outputs are the log
    density and its derivatives in mean and concentration.
    """

    __props__ = ()

    def make_node(self, count: Any, items: Any, mean: Any, concentration: Any) -> Apply:
        """Return the node; integers are taken as float64."""
        inputs = [pt.cast(pt.as_tensor_variable(x), "float64") for x in (count, items, mean, concentration)]
        return Apply(self, inputs, [pt.dvector(), pt.dvector(), pt.dvector()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Evaluate with SciPy (where numba is not used); the compiled form must agree."""
        k, n, p, c = inputs
        a, b = p * c, (1 - p) * c
        value = special.betaln(a + k, b + n - k) - special.betaln(a, b)
        in_a = special.digamma(a + k) - special.digamma(a)
        in_b = special.digamma(b + n - k) - special.digamma(b)
        total = special.digamma(c) - special.digamma(c + n)
        output_storage[0][0] = value
        output_storage[1][0] = c * (in_a - in_b)
        output_storage[2][0] = p * in_a + (1 - p) * in_b + total

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:
        """Return the gradient in mean and concentration; counts have none."""
        (upstream, *_) = output_grads
        return [DisconnectedType()(), DisconnectedType()(), upstream * outputs[1], upstream * outputs[2]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that counts are not differentiated."""
        return [[False] * 3, [False] * 3, [True] * 3, [True] * 3]


beta_binomial_terms = BetaBinomialTerms()


@numba_njit
def _gamma_pair(x):  # pragma: no cover - compiled
    """Return log gamma and digamma of x > 0 by Stirling's series, shifted above 8."""
    product, shift = 1.0, 0.0
    while x < 8.0:
        product *= x
        shift += 1.0 / x
        x += 1.0
    log_x = np.log(x)
    r = 1.0 / x
    r2 = r * r
    series = r * (1 / 12 - r2 * (1 / 360 - r2 * (1 / 1260 - r2 * (1 / 1680 - r2 / 1188))))
    value = (x - 0.5) * log_x - x + 0.9189385332046727 + series
    if product != 1.0:
        value -= np.log(product)
    slope = log_x - 0.5 * r - r2 * (1 / 12 - r2 * (1 / 120 - r2 * (1 / 252 - r2 * (1 / 240 - r2 / 132))))
    return value, slope - shift


@register_funcify_default_op_cache_key(BetaBinomialTerms)
def _funcify(op, node, **kwargs):
    @numba_njit
    def terms(count, items, mean, concentration):
        rows = mean.shape[0]
        value, in_mean, in_concentration = np.empty(rows), np.empty(rows), np.empty(rows)
        for i in range(rows):
            k, n, p, c = count[i], items[i], mean[i], concentration[i]
            a, b = p * c, (1.0 - p) * c
            ga, da = _gamma_pair(a)
            gb, db = _gamma_pair(b)
            gc, dc = _gamma_pair(c)
            gak, dak = _gamma_pair(a + k)
            gbk, dbk = _gamma_pair(b + n - k)
            gcn, dcn = _gamma_pair(c + n)
            value[i] = (gak - ga) + (gbk - gb) - (gcn - gc)
            in_mean[i] = c * ((dak - da) - (dbk - db))
            in_concentration[i] = p * (dak - da) + (1.0 - p) * (dbk - db) - (dcn - dc)
        return value, in_mean, in_concentration

    return terms
