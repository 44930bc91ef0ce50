"""Four prices of a learning rate and a batch size, each a power law."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.laws.step_law import BATCH, DATA, RATE, SIZE

LARGEST = 100.0  # e-folds: a price beyond any loss is a number, not an overflow
WIDEST = 12.0  # e-folds about the reference that the best batch size is looked for in
_PRICES = {
    # name: (symbol, what it is the price of, median and upper95 in nats)
    "slow": ("S", "too small a learning rate", 0.05, 0.2),
    "noisy": ("R", "too large a learning rate", 0.02, 0.1),
    "few": ("F", "too little data, in too few steps", 0.2, 0.6),
    "small": ("M", "too small a batch", 0.05, 0.3),
}
_EXPONENTS = {
    # price: input: (symbol, prior of the exponent where its sign is known, else its mean)
    "slow": {"lr": ("s_r", 0.4), "batch": ("s_B", None), "params": ("s_N", None), "tokens": ("s_D", None)},
    "noisy": {"lr": ("r_r", 0.8), "batch": ("r_B", None), "params": ("r_N", None), "tokens": ("r_D", None)},
    "few": {"batch": ("f_B", 0.25), "params": ("f_N", None), "tokens": ("f_D", None)},
    "small": {"batch": ("m_B", 0.4), "params": ("m_N", None), "tokens": ("m_D", None)},
}
_MEANING = {"lr": "the learning rate", "batch": "the batch size", "params": "size", "tokens": "tokens"}
_FALLS = {("slow", "lr"), ("small", "batch")}  # prices that fall with the input whose exponent is positive


def _exponent(price: str, item: str) -> Parameter:
    """Return the exponent of an input in a price."""
    symbol, median = _EXPONENTS[price][item]
    support, prior = "real", Prior("normal", mean=0.0, sd=0.4)
    if median is not None:
        support, prior = "positive", Prior("lognormal", median=median, upper95=3 * median)
    meaning = f"exponent of {_MEANING[item]} in the price of {_PRICES[price][1]}"
    spread = Prior("halfnormal", upper95=0.2)
    return Parameter(f"{price}_{item}", symbol, meaning, support, "exponent", prior, group_sd=spread)


def _parameters() -> tuple[Parameter, ...]:
    """Return amplitude and exponents of every price."""
    found, spread = [], Prior("halfnormal", upper95=0.5)
    for name, (symbol, of, median, upper) in _PRICES.items():
        meaning, prior = f"price of {of} at the reference", Prior("lognormal", median=median, upper95=upper)
        found.append(Parameter(name, f"{symbol}_0", meaning, "positive", "amplitude", prior, "nats", "partial", spread))
        found += [_exponent(name, item) for item in _EXPONENTS[name]]
    return tuple(found)


class RateBatch(Law):
    r"""A law of size and four prices: a rate too small, one too large, too little data in too few steps, a small batch.

    Each is a power law in learning rate, batch size, parameters and tokens, so that the landscape is convex in the
    logarithms, steep on the sides and flat between, and moves with size and tokens by itself. On the grid of Li et al.
    (2025) it follows runs far from the centre, where the bowl of ``step_law`` does not; the form is ours. What finite
    data cost is the price of few steps (:math:`F`, which falls with tokens and rises with the batch), not a term of its
    own: with both, the runs cannot tell them apart.
    """

    name = "rate_batch"
    title = "Loss from size, tokens, learning rate and batch size (four prices)"
    formula = (
        r"L = E + A N^{-\alpha} + S\,\eta^{-s_r} b^{s_B} N^{s_N} D^{s_D}"
        r" + R\,\eta^{r_r} b^{r_B} N^{r_N} D^{r_D} + F\,b^{f_B} N^{f_N} D^{f_D} + M\,b^{-m_B} N^{m_N} D^{m_D}"
    )
    citation = Citation(
        "Li et al.",
        2025,
        "Predictable Scale: Part I, Step Law, for the runs; the form is of this package",
        "2503.04715",
    )
    use = "the best learning rate and batch size of a larger run, and what missing them by far costs"
    verified = "steplaw"
    outcome = "loss"
    inputs = (SIZE, DATA, RATE, BATCH)
    parameters = (*(p for p in Chinchilla.parameters if p.name in ("E", "A_ref", "alpha")), *_parameters())
    quantities = (
        Quantity("lr_for_batch", "best peak learning rate at a given batch size", "1", (SIZE, DATA, BATCH), "the form"),
        Quantity("optimal_batch", "best batch size, at its best rate", "tokens", (SIZE, DATA), "the form"),
        Quantity("optimal_lr", "best peak learning rate, at the best batch size", "1", (SIZE, DATA), "the form"),
        Quantity(
            "penalty", "loss over that at the best learning rate and batch size", "nats", (SIZE, DATA, RATE, BATCH),
            "the form",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, params: Any, tokens: Any, lr: Any, batch: Any, **sampled: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        logs = self._logs(xp, params, tokens, batch)
        size = sampled["E"] + sampled["A_ref"] * xp.exp(-sampled["alpha"] * logs["params"])
        return size + self._prices(xp, {**logs, "lr": xp.log(lr / self.reference["lr"])}, sampled)

    def _logs(self, xp: Backend, params: Any, tokens: Any, batch: Any) -> dict[str, Any]:
        given = {"params": params, "tokens": tokens, "batch": batch}
        return {name: xp.log(value / self.reference[name]) for name, value in given.items()}

    def _price(self, xp: Backend, name: str, logs: dict[str, Any], sampled: dict[str, Any]) -> Any:
        """Return the logarithm of one price, at a learning rate of the reference where `logs` has none."""
        total = xp.log(sampled[name])
        for item in _EXPONENTS[name]:
            sign = -1 if (name, item) in _FALLS else 1
            total = total + sign * sampled[f"{name}_{item}"] * logs.get(item, 0.0)
        return xp.minimum(total, LARGEST)

    def _prices(self, xp: Backend, logs: dict[str, Any], sampled: dict[str, Any]) -> Any:
        return sum(xp.exp(self._price(xp, name, logs, sampled)) for name in _PRICES)

    def _best_log_lr(self, xp: Backend, logs: dict[str, Any], sampled: dict[str, Any]) -> Any:
        """Return where falling and rising price of the rate balance, from the reference."""
        falls, rises = sampled["slow_lr"], sampled["noisy_lr"]
        slow, noisy = (self._price(xp, name, logs, sampled) for name in ("slow", "noisy"))
        return (xp.log(falls) + slow - xp.log(rises) - noisy) / (falls + rises)

    def lr_for_batch(self, xp: Backend, *, params: Any, tokens: Any, batch: Any, **sampled: Any) -> Any:
        """Return the best peak learning rate at a batch size, shape ``(..., row)``."""
        logs = self._logs(xp, params, tokens, batch)
        return self.reference["lr"] * xp.exp(self._best_log_lr(xp, logs, sampled))

    def optimal_batch(self, xp: Backend, *, params: Any, tokens: Any, **sampled: Any) -> Any:
        """Return the best batch size in tokens when the rate is the best for it, shape ``(..., row)``."""
        size = {k: v for k, v in self._logs(xp, params, tokens, self.reference["batch"]).items() if k != "batch"}

        def price(log_batch: Any) -> Any:
            logs = {**size, "batch": log_batch}
            return self._prices(xp, {**logs, "lr": self._best_log_lr(xp, logs, sampled)}, sampled)

        end = WIDEST + 0.0 * price(0.0)
        return self.reference["batch"] * xp.exp(minimum(price, -end, end, width=1e-4))

    def optimal_lr(self, xp: Backend, *, params: Any, tokens: Any, **sampled: Any) -> Any:
        """Return the best peak learning rate at the best batch size, shape ``(..., row)``."""
        batch = self.optimal_batch(xp, params=params, tokens=tokens, **sampled)
        return self.lr_for_batch(xp, params=params, tokens=tokens, batch=batch, **sampled)

    def penalty(self, xp: Backend, *, params: Any, tokens: Any, lr: Any, batch: Any, **sampled: Any) -> Any:
        """Return the nats that a learning rate and a batch size cost, shape ``(..., row)``."""
        best = self.optimal_batch(xp, params=params, tokens=tokens, **sampled)
        rate = self.lr_for_batch(xp, params=params, tokens=tokens, batch=best, **sampled)
        given = {"params": params, "tokens": tokens}
        return self.mean(xp, **given, lr=lr, batch=batch, **sampled) - self.mean(
            xp, **given, lr=rate, batch=best, **sampled
        )
