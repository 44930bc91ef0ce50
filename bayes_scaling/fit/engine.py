"""How a posterior is drawn: by importance sampling where that can be trusted, else by NUTS; the fit says which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.fit.importance import PARETO_K_MAX, Refused, Weighted, applies, importance_draws
from bayes_scaling.laws.backend import numpy_backend, unlink
from bayes_scaling.model import Rows
from bayes_scaling.model.spec import ModelSpec

if TYPE_CHECKING:
    from bayes_scaling.fit.particles import Ladder
    from bayes_scaling.fit.sampler import SamplerSettings

NUTS, IMPORTANCE = "nuts", "importance"


def draw_posterior(
    spec: ModelSpec, rows: Rows, settings: SamplerSettings, seed: int, nuts: Callable[[], Any],
    ladder: Callable[[], Ladder] | None = None,
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """Return draws as an xarray DataTree with posterior and sample_stats, and how they were made.

    Parameters
    ----------
    spec, rows :
        As settled by :func:`bayes_scaling.model.encode`.
    settings : SamplerSettings
    seed : int
    nuts : callable
        Samples with NUTS; called only where importance sampling does not do.
    ladder : callable, optional
        Gives the particles of the whole table, where these are some of its rows; called only for importance sampling.

    Returns
    -------
    tree : xarray.DataTree
    engine : dict
        ``name`` (``importance`` or ``nuts``); of importance also ``pareto_k``, ``effective``, ``proposals``,
        ``log_evidence`` and ``modes`` (their masses, the largest first); of NUTS where importance was tried and not
        trusted, ``why`` and ``modes_found``, the number of modes that lie far apart.
    """
    if settings.engine == NUTS or not applies(spec, rows):
        return nuts(), {"name": NUTS}
    found = importance_draws(spec, rows, settings.chains * settings.draws, seed, ladder)
    if isinstance(found, Refused):
        return nuts(), {
            "name": NUTS,
            "why": f"importance sampling had a Pareto k above {PARETO_K_MAX} or too few effective draws",
            "modes_found": found.modes,
        }
    about = {k: getattr(found, k) for k in ("pareto_k", "effective", "proposals", "log_evidence")}
    about["modes"] = list(found.modes)
    return _tree(spec, found, settings), {"name": IMPORTANCE, **about}


def _tree(spec: ModelSpec, found: Weighted, settings: SamplerSettings) -> Any:
    """Return independent draws laid out in chains, as NUTS gives them."""
    import xarray as xr

    xp, shape, dims = numpy_backend(), (settings.chains, settings.draws), ("chain", "draw")
    values = {p.name: unlink(xp, p.support, found.theta[:, i]) for i, p in enumerate(spec.parameters())}
    coords = {"chain": np.arange(shape[0]), "draw": np.arange(shape[1])}
    posterior = xr.Dataset({name: (dims, value.reshape(shape)) for name, value in values.items()}, coords)
    stats = xr.Dataset({"diverging": (dims, np.zeros(shape, dtype=bool))}, coords)
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
