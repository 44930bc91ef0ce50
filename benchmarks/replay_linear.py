"""Which criterion spends least, in a world where everything is normal and linear: no fits, no outcome of a real run.

``python -m benchmarks.replay_linear [--worlds N] [--json FILE]``. Designs (sizes and tokens) are those of the ladders
of ``replay``; Chinchilla's law is linearised about a draw of its prior, with a departure (Ornstein-Uhlenbeck) over
compute and noise. Posteriors are exact, what is bought does not depend on outcomes, and many truths are scored per
world. Its rule of stopping is that of ``replay``. A figure is the geometric mean of spending relative to the better of
cheapest first and random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bayes_scaling.plan.next_run import share_left
from bayes_scaling.plan.preposterior import Measured, Moments, cheapest
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.replay import ENOUGH, LADDERS, START_RUNS, Ladder

SEED = 20261128
STARTS, TRUTHS = 10, 40
SD_DEPARTURE, SD_NOISE, LENGTH = (0.005, 0.01, 0.02), (0.002, 0.005, 0.01), 0.5
MIDDLE, UPPER95 = np.array([1.7, 0.4, 0.35, 0.4, 0.35]), np.array([2.6, 1.2, 0.7, 1.2, 0.7])

Choose = Callable[[Moments, np.ndarray, float], list[int]]


def single(moments: Moments, cost: np.ndarray, spent: float) -> list[int]:
    """Return the run that settles most per FLOP."""
    return [int(np.argmax(Measured.none(moments).reductions() / cost))]


def elastic(moments: Moments, cost: np.ndarray, spent: float) -> list[int]:
    """Return the run that settles most of the log variance per logarithm of all that will have been spent."""
    left = 1 - np.minimum(Measured.none(moments).reductions() / moments.question, 1 - 1e-9)
    return [int(np.argmax(-np.log(left) / np.log1p(cost / spent)))]


def settling(share: float) -> Choose:
    """Return the choice of the cheapest set that settles a share of what all can tell."""

    def choose(moments: Moments, cost: np.ndarray, spent: float) -> list[int]:
        return cheapest(moments, cost, share_left(moments, share))

    return choose


CRITERIA: dict[str, Choose | None] = {
    "cheapest": None, "random": None, "per_flop": single, "elastic": elastic,
    "set_0.5": settling(0.5), "set_0.75": settling(0.75), "set_0.9": settling(0.9),
}  # fmt: skip


class World:
    """Covariance of the log losses of a ladder's runs under a linearised law, its departure and noise."""

    def __init__(self, ladder: Ladder, rng: np.random.Generator) -> None:
        frame, sd = ladder.rows.frame, np.log(UPPER95 / MIDDLE) / 1.645
        size, data = (frame[c].to_numpy() / at for c, at in (("params", 1e9), ("tokens", 2e10)))

        def law(theta: np.ndarray) -> np.ndarray:
            floor, a, alpha, b, beta = np.exp(theta)
            return np.log(floor + a * size**-alpha + b * data**-beta)

        at = np.log(MIDDLE) + 0.5 * sd * rng.standard_normal(5)
        slopes = np.stack([(law(at + step) - law(at - step)) / 2e-4 for step in 1e-4 * np.eye(5)], axis=1) * sd
        t, departure = np.log10(ladder.cost), rng.choice(SD_DEPARTURE)
        near = np.exp(-np.abs(t[:, None] - t) / LENGTH)
        self.ladder, self.noise = ladder, float(rng.choice(SD_NOISE)) ** 2
        self.known = slopes @ slopes.T + departure**2 * near
        self.measured = self.known + self.noise * np.eye(len(t))

    def weights(self, have: list[int]) -> np.ndarray:
        """Return the weight of every run in the error of the forecast of the target, shape (run,)."""
        found = np.zeros(len(self.known))
        found[have] = np.linalg.solve(self.measured[np.ix_(have, have)], self.known[have, self.ladder.target])
        found[self.ladder.target] -= 1
        return found

    def moments(self, have: list[int], left: list[int]) -> Moments:
        """Return covariances of the target and of runs that are left, given those that were made."""
        here = [self.ladder.target, *left]
        told = np.linalg.solve(self.measured[np.ix_(have, have)], self.known[np.ix_(have, here)])
        after = self.known[np.ix_(here, here)] - self.known[np.ix_(here, have)] @ told
        return Moments(float(after[0, 0]), after[0, 1:], after[1:, 1:] + self.noise * np.eye(len(left)))

    def bought(self, start: list[int], choose: Choose | None, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the money spent after each run, and the weights in the error then, shape (step, run)."""
        have, cost = list(start), self.ladder.cost
        left = [i for i in order.tolist() if i not in start]
        spent, weights = [cost[have].sum()], [self.weights(have)]
        while left:
            chosen = choose(self.moments(have, left), cost[left], spent[-1]) if choose else [0]
            run = left.pop(chosen[0] if chosen else 0)
            have.append(run)
            spent.append(spent[-1] + cost[run])
            weights.append(self.weights(have))
        return np.array(spent), np.array(weights)


def spending(
    world: World, starts: list[list[int]], name: str, losses: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the least spending from which on the median error is small enough, shape (truth,)."""
    ladder = world.ladder
    paths = []
    for start in starts:
        order = rng.permutation(ladder.candidates) if name == "random" else ladder.candidates
        paths.append(world.bought(start, CRITERIA[name], order))
    levels = np.unique(np.concatenate([spent for spent, _ in paths]))
    at = [np.maximum(np.searchsorted(spent, levels, side="right") - 1, 0) for spent, _ in paths]
    errors = np.stack([np.abs(weights @ losses)[i] for (_, weights), i in zip(paths, at, strict=True)])
    full = np.abs(world.weights(ladder.candidates.tolist()) @ losses)
    late = np.median(errors, axis=0) > ENOUGH * full
    last = len(levels) - 1 - np.argmax(late[::-1], axis=0)
    return levels[np.where(late.any(axis=0), np.minimum(last + 1, len(levels) - 1), 0)]


def figures_of(name: str, worlds: int) -> Iterator[Figure]:
    """Yield the relative spending of every criterion on one design."""
    ladder, rng = LADDERS[name](), np.random.default_rng(SEED)
    logs: dict[str, list[np.ndarray]] = {c: [] for c in CRITERIA}
    for _ in range(worlds):
        world = World(ladder, rng)
        losses = np.linalg.cholesky(world.measured) @ rng.standard_normal((len(world.known), TRUTHS))
        third = ladder.candidates[: len(ladder.candidates) // 3]
        starts = [rng.choice(third, START_RUNS, replace=False).tolist() for _ in range(STARTS)]
        spent = {c: spending(world, starts, c, losses, rng) for c in CRITERIA}
        better = np.minimum(spent["cheapest"], spent["random"])
        for criterion, value in spent.items():
            logs[criterion].append(np.log(value / better))
    for criterion, values in logs.items():
        every, by_world = np.concatenate(values), np.array([v.mean() for v in values])
        told = f"log error {by_world.std(ddof=1) / np.sqrt(worlds):.2f}; above 1 in {np.mean(every > 1e-9):.0%}"
        yield figure(f"replay_linear/{name}/{criterion}", float(np.exp(every.mean())), unit=told)


def main() -> None:
    """Print every figure."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--part", choices=list(LADDERS), action="append", help="all designs when left out")
    parser.add_argument("--worlds", type=int, default=6, help="draws of law, departure and noise (%(default)s)")
    options = parser.parse_args()
    figures = [f for name in options.part or LADDERS for f in figures_of(name, options.worlds)]
    report(figures, options.json, about={"seed": SEED, "starts": STARTS, "truths": TRUTHS})


if __name__ == "__main__":
    main()
