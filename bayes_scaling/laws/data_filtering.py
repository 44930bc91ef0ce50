"""Accuracy of models trained on pools of data that differ in quality, and are repeated."""

from __future__ import annotations

import math
from typing import Any

from bayes_scaling.errors import CardError, DataError, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.parts import distinct_names, refuse_options, refuse_rows

POOLS = ("p10", "p20", "p30", "p40")
_SIDE = 8
EPOCHS = _SIDE**2
"""Largest number of epochs: the sum over epochs has so many terms."""
_WORST = 0.999  # error of a model that guesses among a thousand classes
_UNIT = 1e5  # samples that the repository of the paper divides by
_SEEN = Input("samples", "count", "training samples n seen, repeats included", reference=1e8, column="seen", spread=5.0)
_SIZE = Input("pool_size", "count", "samples in each pool", reference=1.28e7, kind="count", spread=1.5)


def in_pool(pool: str) -> str:
    """Return the column that says whether a pool is trained on."""
    return f"in_{pool}"


def _inputs(pools: tuple[str, ...]) -> tuple[Input, ...]:
    """Return samples seen, the size of a pool, and which pools are trained on."""
    used = [
        Input(in_pool(p), "0 or 1", f"1 where pool {p} is trained on", kind="integer", low=0.0, high=1.0) for p in pools
    ]
    return (_SEEN, _SIZE, *used)


def _parameters(pools: tuple[str, ...]) -> tuple[Parameter, ...]:
    """Return floor and start, and utility and half-life of every pool."""
    found = [
        Parameter(
            "d", "d", "error that no number of samples removes", "unit", "floor",
            Prior("logitnormal", median=0.1, upper95=0.4), "fraction", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "start", "n_0 / n_{ref}", "samples, per reference samples, at which learning starts", "positive", "offset",
            Prior("lognormal", median=0.03, upper95=0.2), "", "partial", Prior("halfnormal", upper95=0.5),
        ),
    ]  # fmt: skip
    for p in pools:
        found += [
            Parameter(
                f"b_{p}", f"-b_{{{p}}}", f"utility of fresh samples of pool {p}: exponent of samples", "positive",
                "exponent", Prior("lognormal", median=0.13, upper95=0.3), "", "complete",
                Prior("halfnormal", upper95=0.2),
            ),
            Parameter(
                f"tau_{p}", f"\\tau_{{{p}}}", f"epochs after which pool {p} has half its utility", "positive", "shape",
                Prior("lognormal", median=4.0, upper95=15.0), "epochs", "complete", Prior("halfnormal", upper95=0.5),
            ),
        ]  # fmt: skip
    return tuple(found)


class DataFiltering(Law):
    r"""Error that falls by the utility of the pools seen, which halves with repetition: Goyal et al. (2024), section 4.

    Every pool is as large as the others and has a utility b and a half-life :math:`\tau`. The j-th epoch takes n from
    :math:`n_{j-1}` to :math:`n_j`, and the error above its floor by the factor :math:`(n_j / n_{j-1})^{b^{(j)}}`. On p
    pools together the utility is the mean of theirs, with half-lives p times as long (theorem 1):
    :math:`b^{(j)} = \frac1p \sum_i b_i\, 2^{-(j-1)/(p \tau_i)}`. Pools differ by utility alone, so they are level at
    the samples :math:`n_0` at which learning starts. Later epochs leave the floor d as it is, as the paper writes it;
    the code of the paper multiplies d too. Model and training are the same in all rows of a fit.

    Option: ``pools``, their names from the best to the worst. Columns ``in_NAME`` say which ones a run is trained on,
    ``seen`` its samples, ``pool_size`` the samples of one pool.
    """

    name = "data_filtering"
    title = "Accuracy from pools of data of different quality (data filtering)"
    formula = (
        r"1 - y, \quad y = d + (n_1 / n_0)^{b^{(1)}} \prod_{j \geq 2} (n_j / n_{j-1})^{b^{(j)}},"
        r"\quad b^{(j)} = \frac{1}{p} \sum_{i=1}^{p} b_i\, 2^{-(j-1) / (p \tau_i)}"
    )
    citation = Citation(
        "Goyal et al.", 2024,
        "Scaling Laws for Data Filtering: Data Curation cannot be Compute Agnostic, section 4 and theorem 1",
        "2404.07177",
    )  # fmt: skip
    use = "how much of a ranked pool of data to keep, at so many training samples"
    outcome = "accuracy"
    pools: tuple[str, ...] = POOLS
    inputs = _inputs(POOLS)
    parameters = _parameters(POOLS)
    published = {
        "goyal2024": Constants(
            {
                "a": 0.025, "d": 0.1,
                "b_p10": -0.16, "b_p20": -0.125, "b_p30": -0.1, "b_p40": -0.085,
                "tau_p10": 6.7272727, "tau_p20": 8.5454545, "tau_p30": 5.2727273, "tau_p40": 2.2727273,
            },
            "Goyal et al. (2024), arXiv:2404.07177, github.com/locuslab/scaling_laws_data_filtering",
            "ImageNet error, deciles of DataComp medium by T-MARS; fitted with d multiplied too in later epochs",
        ),
    }  # fmt: skip
    quantities = (
        Quantity(
            "best_pools", "how many pools, counted from the best, give the lowest error together", "pools",
            (_SEEN, _SIZE), "arXiv:2404.07177, theorem 1",
        ),
        Quantity(
            "effective_utility", "utility of the first of these pools together, at this epoch", "",
            (
                Input("first", "pools", "pools trained on, counted from the best", kind="integer", low=1),
                Input("epoch", "epochs", "epoch over all of them, from 1", kind="integer", low=1),
            ),
            "arXiv:2404.07177, theorem 1",
        ),
    )  # fmt: skip

    def with_options(self, **options: Any) -> Law:
        """Return the law with other pools.

        Raises
        ------
        CardError
            Unknown option, no pool, names that repeat.
        """
        refuse_options(self.name, options, ["pools"])
        names = distinct_names(self.name, "pools", options.get("pools", self.pools), order="from the best to the worst")
        other = type(self)()
        other.pools = names
        other.options = {} if names == POOLS else {"pools": list(names)}
        other.inputs = _inputs(other.pools)
        other.declared = other.inputs
        other.parameters = _parameters(other.pools)
        return self.carried_to(other)

    def check_values(self, frame: Any) -> None:
        """Raise DataError where a row is of no pool, or of more epochs than the law counts."""
        columns = [in_pool(p) for p in self.pools]
        pools = frame[columns].sum(axis=1)
        refuse_rows(self.name, frame[pools < 1], columns, "at least one pool that is trained on")
        epochs = frame["seen"] / (frame["pool_size"] * pools)
        refuse_rows(self.name, frame[epochs > EPOCHS], ("seen", "pool_size"), f"at most {EPOCHS} epochs of the pools")

    def mean(self, xp: Backend, *, samples: Any, pool_size: Any, d: Any, start: Any, **values: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        used = [values[in_pool(p)] for p in self.pools]
        pools = xp.maximum(sum(used[1:], start=used[0]), 1.0)
        seen, epoch = xp.log(samples), xp.log(pool_size * pools)
        dims = max(getattr(v, "ndim", 0) for v in (seen, epoch, d, start, *values.values()))
        within = _axis(dims)  # epochs completed, in one of as many blocks

        def gain(block: int) -> Any:
            done = within + _SIDE * block
            after, before = epoch + xp.log(done + 1), epoch + xp.log(xp.maximum(done, 1.0))
            return xp.minimum(seen, after) - xp.minimum(seen, before)

        gains = [gain(block) for block in range(_SIDE)]
        fresh = xp.minimum(seen, epoch) - xp.log(start * self.reference["samples"])
        power: Any = 0.0
        for p, use in zip(self.pools, used, strict=True):
            rate = math.log(2) / (pools * values[f"tau_{p}"])
            left, block_left, repeated = xp.exp(-rate * within), xp.exp(-rate * _SIDE), 0.0
            for gained in reversed(gains):  # Horner's rule over blocks: few exponentials, small arrays
                repeated = repeated * block_left + (left * gained).sum(axis=0)
            power = power + use * values[f"b_{p}"] / pools * (fresh + repeated)
        error = d + xp.exp(-power)
        return 1 - xp.minimum(error, _WORST)

    def best_pools(self, xp: Backend, *, samples: Any, pool_size: Any, **values: Any) -> Any:
        """Return how many pools from the best on have the highest accuracy, shape ``(..., row)``.

        Raises
        ------
        DataError
            More epochs of the best pool than the law counts.
        """
        import numpy as np

        most = float(np.max(samples / pool_size))
        if most > EPOCHS:
            raise DataError(
                f"law {self.name}: best_pools at {most:g} epochs of a pool; expected at most {EPOCHS}. Ask at fewer "
                "samples or larger pools."
            )
        at = {"samples": samples, "pool_size": pool_size, **values}
        found = [
            self.mean(xp, **at, **{in_pool(p): np.asarray(float(i <= m)) for i, p in enumerate(self.pools)})
            for m in range(len(self.pools))
        ]
        return np.argmax(np.stack(np.broadcast_arrays(*found)), axis=0) + 1.0

    def effective_utility(self, xp: Backend, *, first: Any, epoch: Any, **values: Any) -> Any:
        """Return the mean utility of the first pools at an epoch, shape ``(..., row)``."""
        import numpy as np

        if (np.max(first) > len(self.pools)) or np.min(first) < 1:
            raise CardError(f"{self.name}: effective_utility of {np.max(first):g} pools; it has {listed(self.pools)}.")
        return sum(
            (first > i) * values[f"b_{p}"] * xp.exp(-math.log(2) * (epoch - 1) / (first * values[f"tau_{p}"])) / first
            for i, p in enumerate(self.pools)
        )

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return a, d, utilities (negative) and half-lives as in the repository of the paper."""
        found = {"a": _UNIT / (sampled["start"] * self.reference["samples"]), "d": sampled["d"]}
        found |= {f"b_{p}": -sampled[f"b_{p}"] for p in self.pools}
        return found | {f"tau_{p}": sampled[f"tau_{p}"] for p in self.pools}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from a, d, b and tau.

        Raises
        ------
        CardError
            Constants of other pools than those of the option.
        """
        missing = [p for p in self.pools if f"b_{p}" not in published]
        if missing:
            raise CardError(
                f"{self.name}: these constants have no utility of pool {listed(missing)}; expected those of "
                f"{listed(self.pools)}. Take constants of these pools, or leave the option pools out."
            )
        found = {"start": _UNIT / (published["a"] * self.reference["samples"]), "d": published["d"]}
        found |= {f"b_{p}": -published[f"b_{p}"] for p in self.pools}
        return found | {f"tau_{p}": published[f"tau_{p}"] for p in self.pools}

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return every pool alone and the best ones together, in turn, at samples from a fresh pool to many epochs."""
        count = len(self.pools)
        made = [[i == j for j in range(count)] for i in range(count)]
        made += [[j <= i for j in range(count)] for i in range(1, count)]
        found = super().example(rows)
        chosen = [made[i % len(made)] for i in range(rows)]
        return found | {in_pool(p): [float(c[j]) for c in chosen] for j, p in enumerate(self.pools)}


def _axis(dims: int) -> Any:
    """Return the numbers from 0 along a first axis, before as many others, shape (8, 1, ...)."""
    import numpy as np

    return np.arange(float(_SIDE)).reshape(-1, *[1] * dims)
