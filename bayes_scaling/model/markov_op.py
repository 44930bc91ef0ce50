"""The density of ``state_space.py`` as a PyTensor operation with its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from bayes_scaling.model.state_space import backward, forward


class MarkovDensity(Op):
    """Log density of residuals along paths, and its derivatives.

    Inputs are residuals, decay, innovation variance and noise variance (float64, shape (row,),
    in order along the paths); outputs are the log density () and its derivatives in the four inputs (row,).
    """

    __props__ = ()

    def make_node(self, residual: Any, decay: Any, innovation: Any, noise: Any) -> Apply:
        """Return the node."""
        inputs = [pt.cast(pt.as_tensor_variable(x), "float64") for x in (residual, decay, innovation, noise)]
        return Apply(self, inputs, [pt.dscalar(), *(pt.dvector() for _ in range(4))])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Evaluate in Python (where numba is not used)."""
        e, phi, q, r = inputs
        value, *moments = forward(e, phi, q, r)
        output_storage[0][0] = np.asarray(value)
        for storage, gradient in zip(output_storage[1:], backward(e, phi, r, *moments), strict=True):
            storage[0] = gradient

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:
        """Return the gradient of the log density in the four inputs."""
        return [output_grads[0] * outputs[i] for i in range(1, 5)]


markov_density = MarkovDensity()


@register_funcify_default_op_cache_key(MarkovDensity)
def _funcify(op: Op, node: Apply, **kwargs: Any) -> Any:
    filtered, reverse = numba_njit(forward), numba_njit(backward)

    @numba_njit
    def density(e, phi, q, r):  # type: ignore[no-untyped-def]
        value, predicted, variance, middle, left = filtered(e, phi, q, r)
        in_e, in_phi, in_q, in_r = reverse(e, phi, r, predicted, variance, middle, left)
        return np.asarray(value), in_e, in_phi, in_q, in_r

    return density
