"""Loss from size, steps and batch size, with the critical batch size."""

from __future__ import annotations

import math
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity

NEWTON = 12
"""Steps of Newton's method; the curve is concave, so that it cannot overshoot (see the test)."""
SIZE = Input("params", "count", "parameters N without embeddings", reference=1e9, spread=30.0)
TARGET = Input("target_loss", "nats per token", "loss to reach", kind="positive", high=20.0)
BATCH = Input("batch", "tokens", "batch size in tokens", reference=5e5, kind="count", spread=10.0)


class BatchSteps(Law):
    r"""Kaplan's law of training, with the steps that a finite batch needs (Kaplan et al. 2020, section 5).

    With :math:`B_{crit} = B_* / L^{1 / \alpha_B}` (eq. 5.3), S steps of batch B are worth
    :math:`S_{min} = S / (1 + B_{crit} / B)` steps of an endless batch (eq. 5.4), and the loss is
    :math:`(N_c / N)^{\alpha_N} + (S_c / S_{min})^{\alpha_S}` (eq. 5.6). The critical batch depends on the loss itself,
    which is therefore the solution of an equation. Su et al. (2024, arXiv:2403.06563) confirm the form up to 33 billion
    parameters. Data are unlimited, and the learning rate is annealed alike in all runs.
    """

    name = "batch_steps"
    title = "Loss from size, steps and batch size (Kaplan, critical batch size)"
    formula = (
        r"L = (N_c / N)^{\alpha_N} + (S_c / S_{min})^{\alpha_S}, \quad S_{min} = \frac{S}{1 + B_{crit}(L) / B},"
        r"\; B_{crit}(L) = B_* L^{-1 / \alpha_B}"
    )
    citation = Citation(
        "Kaplan et al.", 2020, "Scaling Laws for Neural Language Models, eq. 5.3, 5.4 and 5.6", "2001.08361"
    )
    use = "loss along training at any batch size; the trade of steps (time) against tokens (compute)"
    outcome = "loss"
    inputs = (SIZE, Input("step", "count", "optimiser steps S", reference=1e5, spread=30.0, kind="integer"), BATCH)
    parameters = (
        Parameter(
            "L_N", "(N_c / N_0)^{\\alpha_N}", "loss at the reference size after endless training", "positive",
            "amplitude", Prior("lognormal", median=2.4, upper95=4.0), "nats", "partial",
            Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "alpha_N", "\\alpha_N", "exponent of parameters", "positive", "exponent",
            Prior("lognormal", median=0.08, upper95=0.2), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "L_S", "(S_c / S_0)^{\\alpha_S}", "loss due to finite steps at the reference, batch unlimited", "positive",
            "amplitude", Prior("lognormal", median=0.06, upper95=0.4), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha_S", "\\alpha_S", "exponent of steps", "positive", "exponent",
            Prior("lognormal", median=0.7, upper95=1.2), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "B_ref", "B_* 3^{-1 / \\alpha_B}", "critical batch size at a loss of 3", "positive", "offset",
            Prior("lognormal", median=1e6, upper95=1e7), "tokens", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha_B", "\\alpha_B", "inverse exponent of the loss in the critical batch size", "positive", "exponent",
            Prior("lognormal", median=0.21, upper95=0.5), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {
        "N_c": "N_c", "alpha_N": "\\alpha_N", "S_c": "S_c", "alpha_S": "\\alpha_S", "B_star": "B_*",
        "alpha_B": "\\alpha_B",
    }  # fmt: skip
    published = {
        "kaplan2020": Constants(
            {"N_c": 6.5e13, "alpha_N": 0.077, "S_c": 2.1e3, "alpha_S": 0.76, "B_star": 2.1e8, "alpha_B": 0.21},
            "Kaplan et al. (2020), arXiv:2001.08361, Table 3 (size and steps) and figure 10 (batch)",
            "non-embedding parameters, WebText2",
        ),
    }
    quantities = (
        Quantity("critical_batch", "batch size of twice the fewest steps and tokens", "tokens", (TARGET,), "eq. 5.3"),
        Quantity("min_steps", "fewest steps to a loss, with an endless batch", "count", (SIZE, TARGET), "eq. 5.6"),
        Quantity("steps_needed", "steps to a loss at a batch size", "count", (SIZE, TARGET, BATCH), "eq. 5.4"),
        Quantity("tokens_needed", "tokens to a loss at a batch size", "count", (SIZE, TARGET, BATCH), "eq. 5.4"),
    )  # fmt: skip
    LOSS = 3.0

    def mean(
        self, xp: Backend, *, params: Any, step: Any, batch: Any, L_N: Any, alpha_N: Any, L_S: Any, alpha_S: Any,
        B_ref: Any, alpha_B: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``: the root of an equation in its logarithm."""
        endless = L_N * xp.power(params / self.reference["params"], -alpha_N)
        rest = xp.log(L_S) - alpha_S * xp.log(step / self.reference["step"])
        excess = xp.log(B_ref / batch) + math.log(self.LOSS) / alpha_B  # log of B_crit / B at a loss of 1

        def gap(log_loss: Any) -> tuple[Any, Any]:
            share = excess - log_loss / alpha_B
            steps = xp.exp(rest + alpha_S * xp.softplus(share))
            value = endless + steps
            slope = 1 + steps / value * alpha_S / alpha_B * xp.sigmoid(share)
            return log_loss - xp.log(value), slope

        found = xp.log(endless)
        for _ in range(NEWTON):
            distance, slope = gap(found)
            found = found - distance / slope
        found = xp.held(found)
        # One step more with the root held has the derivative of the root (implicit function theorem).
        distance, slope = gap(found)
        return xp.exp(found - distance / xp.held(slope))

    def critical_batch(self, xp: Backend, *, target_loss: Any, B_ref: Any, alpha_B: Any, **others: Any) -> Any:
        """Return the critical batch size in tokens at a loss, shape ``(..., row)``."""
        return B_ref * xp.power(target_loss / self.LOSS, -1 / alpha_B)

    def min_steps(
        self, xp: Backend, *, params: Any, target_loss: Any, L_N: Any, alpha_N: Any, L_S: Any, alpha_S: Any,
        **others: Any,
    ) -> Any:  # fmt: skip
        """Return the fewest steps to a loss, shape ``(..., row)``; infinite where the size does not reach it."""
        left = target_loss - L_N * xp.power(params / self.reference["params"], -alpha_N)
        steps = self.reference["step"] * xp.power(L_S / xp.where(left > 0, left, 1.0), 1 / alpha_S)
        return xp.where(left > 0, steps, float("inf"))

    def steps_needed(self, xp: Backend, *, params: Any, target_loss: Any, batch: Any, **sampled: Any) -> Any:
        """Return the steps to a loss at a batch size, shape ``(..., row)``."""
        critical = self.critical_batch(xp, target_loss=target_loss, **sampled)
        return self.min_steps(xp, params=params, target_loss=target_loss, **sampled) * (1 + critical / batch)

    def tokens_needed(self, xp: Backend, *, params: Any, target_loss: Any, batch: Any, **sampled: Any) -> Any:
        """Return the tokens to a loss at a batch size, shape ``(..., row)``."""
        return batch * self.steps_needed(xp, params=params, target_loss=target_loss, batch=batch, **sampled)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the constants of the paper: parameters, steps and tokens in counts."""
        return {
            "N_c": self.reference["params"] * xp.power(sampled["L_N"], 1 / sampled["alpha_N"]),
            "S_c": self.reference["step"] * xp.power(sampled["L_S"], 1 / sampled["alpha_S"]),
            "B_star": sampled["B_ref"] * xp.power(self.LOSS, 1 / sampled["alpha_B"]),
            **{name: sampled[name] for name in ("alpha_N", "alpha_S", "alpha_B")},
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the constants of the paper."""
        return {
            "L_N": xp.power(published["N_c"] / self.reference["params"], published["alpha_N"]),
            "L_S": xp.power(published["S_c"] / self.reference["step"], published["alpha_S"]),
            "B_ref": published["B_star"] * xp.power(self.LOSS, -1 / published["alpha_B"]),
            **{name: published[name] for name in ("alpha_N", "alpha_S", "alpha_B")},
        }
