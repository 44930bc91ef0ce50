"""Compile once, sample often: the one place that knows nutpie."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayes_scaling.errors import FitError, InterruptedFitError, did_you_mean, listed
from bayes_scaling.fit.coordinates import PILOT, PILOTS, find_coordinates, learn
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import Rows, build
from bayes_scaling.model.choices import ADAPTATIONS, ENGINES
from bayes_scaling.model.rows import observed
from bayes_scaling.model.spec import ModelSpec

LOW_RANK_MOST = 150  # unknowns of curves up to which ``low_rank`` pays


@dataclass(frozen=True)
class SamplerSettings:
    """How a posterior is sampled.

    Attributes
    ----------
    draws, tune, chains : int
        Kept draws and warm-up draws per chain, number of chains.
    target_accept : float
    adaptation : str
        nutpie's mass matrix. ``auto``: ``low_rank``, which follows the ridge between floor,
        amplitude and exponent in a tenth of the gradient steps, for models without group or run
        effects, and for curves in coordinates of their own up to 150 unknowns, whose shared parameters it
        follows; ``diag`` for all others, where ``low_rank`` mixes worse and costs more.
    maxdepth : int
    extra_doublings : int, optional
        How often a trajectory is doubled once more after it has turned back. In models with crossed effects short
        trajectories turn in the directions that the data pin down, and intercepts, efficiencies and slopes then move
        like a random walk; one more doubling gave 1.5 to 4 times the effective draws per second there. By default 1 for
        models with effects of interactions such as ``family:task``, else 0.
    engine : str
        ``auto``: models of a dozen parameters without effects of groups or runs are drawn by importance sampling where
        its Pareto k is below 0.4, which needs no compilation and gives independent draws; all others by NUTS, as
        ``nuts`` asks for always. ``fit.meta["engine"]`` says which it was.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    adaptation: str = "auto"
    maxdepth: int = 10
    extra_doublings: int | None = None
    engine: str = "auto"

    def __post_init__(self) -> None:
        for name in ("draws", "tune", "chains", "maxdepth"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise FitError(f"{name} = {value!r}; expected a whole number of at least 1.")
        if self.adaptation not in ADAPTATIONS:
            raise FitError(
                f"adaptation = {self.adaptation!r}; expected {listed(ADAPTATIONS)}."
                + did_you_mean(str(self.adaptation), ADAPTATIONS)
            )
        if self.engine not in ENGINES:
            raise FitError(
                f"engine = {self.engine!r}; expected {listed(ENGINES)}." + did_you_mean(str(self.engine), ENGINES)
            )
        extra = self.extra_doublings
        if extra is not None and (not isinstance(extra, int) or isinstance(extra, bool) or not 0 <= extra < 5):
            raise FitError(f"extra_doublings = {extra!r}; expected a whole number from 0 to 4.")
        if not 0.5 <= self.target_accept < 1:
            raise FitError(f"target_accept = {self.target_accept!r}; expected a number from 0.5 to below 1.")


class Sampler:
    """A compiled model that can be sampled on changed rows of the same structure.

    Parameters
    ----------
    spec : ModelSpec
        Settled specification.
    rows : Rows
    """

    def __init__(self, spec: ModelSpec, rows: Rows) -> None:
        import nutpie

        self.spec = spec
        self._coords, self._inputs = rows.coords, set(rows.inputs)
        coordinates = find_coordinates(spec, rows)
        self._curves = bool(coordinates)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._compiled = nutpie.compile_pymc_model(build(spec, rows, coordinates=coordinates))
            for turn in range(PILOTS if coordinates else 0):
                pilot = nutpie.sample(
                    self._compiled, seed=turn, save_warmup=False, progress_bar=False, adaptation="diag", **PILOT
                )
                coordinates = learn(spec, rows, pilot["posterior"].to_dataset(), coordinates)
                numbers = {k: v for g, one in coordinates.items() for k, v in one.containers(g).items()}
                self._compiled = self._compiled.with_data(**numbers)

    def _adaptation(self, settings: SamplerSettings) -> str:
        if settings.adaptation != "auto":
            return settings.adaptation
        crossed = self.spec.noise.run_effect or any(True for _ in self.spec.all_effects())
        few_curves = self._curves and self._compiled.n_dim <= LOW_RANK_MOST
        return "low_rank" if few_curves or not crossed else "diag"

    def _extra_doublings(self, settings: SamplerSettings) -> int:
        if settings.extra_doublings is not None:
            return settings.extra_doublings
        return int(any(":" in group for _, group, _ in self.spec.all_effects()))

    def sample(
        self,
        settings: SamplerSettings,
        *,
        seed: int,
        rows: Rows | None = None,
        progressbar: bool = False,
        cores: int | None = None,
    ) -> Any:
        """Return an xarray DataTree with posterior and sample_stats.

        Parameters
        ----------
        rows : Rows, optional
            Other rows with the same groups and levels; no recompilation.

        Raises
        ------
        FitError
            The sampler could not start.
        InterruptedFitError
            Sampling ended before all draws were made.
        """
        import nutpie

        if rows is not None and self.spec.noise.observation == "beta":  # censored rows are part of the graph
            other = Sampler(self.spec, rows)
            return other.sample(settings, seed=seed, progressbar=progressbar, cores=cores)
        compiled = self._compiled if rows is None else self._compiled.with_data(**self._updates(rows))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = nutpie.sample(
                    compiled, draws=settings.draws, tune=settings.tune, chains=settings.chains, cores=cores,
                    seed=seed, save_warmup=False, progress_bar=progressbar, adaptation=self._adaptation(settings),
                    target_accept=settings.target_accept, maxdepth=settings.maxdepth,
                    extra_doublings=self._extra_doublings(settings),
                )  # fmt: skip
        except RuntimeError as error:
            raise FitError(
                f"the sampler stopped: {error}. Look at the prior predictive (`sample_prior_predictive`): priors far "
                "from the data's range are the usual cause."
            ) from error
        made = tree["posterior"].sizes
        if made["draw"] < settings.draws or made["chain"] < settings.chains:
            after = f"after {made['draw']} of {settings.draws} draws"
            when = after if made["draw"] else "during compilation or warm-up"
            raise InterruptedFitError(f"the fit was interrupted {when}; nothing was kept.")
        return tree

    def _updates(self, rows: Rows) -> dict[str, Any]:
        """Return the data containers' values for other rows."""
        if rows.coords != self._coords:
            changed = [g for g in self._coords if rows.coords.get(g) != self._coords[g]]
            raise FitError(
                f"rows have other levels of {listed(changed)} than the compiled model; encode them with the same "
                "levels, or make a new Sampler."
            )
        if set(rows.inputs) != self._inputs:
            raise FitError(
                f"rows have {listed(rows.inputs)}, the compiled model reads {listed(self._inputs)}; make a new Sampler."
            )
        data = observed(self.spec, rows)
        updates: dict[str, Any] = dict(rows.inputs)
        updates |= {f"{g}_index": code for g, code in rows.index.items() if g != "path"}
        updates |= rows.path_data()
        updates |= {name: data[name] for name in ("y", "n_items", "log_choose", "inverse_items") if name in data}
        return updates


def with_published(spec: ModelSpec, posterior: Any) -> Any:
    """Return the posterior without helper variables and with the law's published names added.

    The published constants are those of the population (group effects zero).
    """
    kept = posterior[[n for n in posterior.data_vars if not str(n).endswith("_z")]]
    sampled = {p.name: kept[p.name] for p in spec.law.parameters}
    published = spec.law.to_published(numpy_backend(), **sampled)
    fresh = {k: v for k, v in published.items() if k not in sampled}
    return kept.assign(fresh)


def posterior_values(posterior: Any, *, limit: int | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    """Return posterior variables as arrays with one draw axis in front.

    Parameters
    ----------
    limit : int, optional
        At most this many draws, chosen at random (the same for every variable).
    """
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    chosen = np.arange(total)
    if limit is not None and limit < total:
        chosen = np.sort(np.random.default_rng(seed).choice(total, limit, replace=False))
    values = {}
    for name, variable in posterior.data_vars.items():
        array = variable.transpose("chain", "draw", ...).to_numpy()
        values[str(name)] = array.reshape(total, *array.shape[2:])[chosen]
    return values
