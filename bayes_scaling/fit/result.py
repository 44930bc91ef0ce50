"""The Fit: posterior draws, specification, rows and where they came from. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.fit.diagnostics import Diagnosis, diagnose, failure_banner
from bayes_scaling.fit.sampler import posterior_values
from bayes_scaling.fit.summary import summary
from bayes_scaling.model.discrepancy import Paths
from bayes_scaling.model.rows import Rows, locate, read_inputs, run_labels
from bayes_scaling.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes
    ----------
    idata : xarray.DataTree
        Groups ``posterior`` (variables under their published names) and ``sample_stats``.
    spec : ModelSpec
        The specification as settled on the rows.
    frame : DataFrame
        The rows that were used.
    meta : mapping
        Title, seed, sampler settings, versions, data hash, rows left out, notices and the card.
    """

    idata: xr.DataTree
    spec: ModelSpec
    frame: pd.DataFrame
    meta: Mapping[str, Any]

    @cached_property
    def coords(self) -> dict[str, list[str]]:
        """Fitted levels by group."""
        return {g: list(v) for g, v in self.meta["coords"].items()}

    @cached_property
    def rows(self) -> Rows:
        """The fitted rows as the model read them."""
        index, _ = locate(self.spec, self.coords, self.frame)
        if self.spec.noise.run_effect:
            position = {v: i for i, v in enumerate(self.coords["run"])}
            index["run"] = run_labels(self.frame).map(position).to_numpy(dtype=np.int64)
        if self.paths is not None:
            index["path"] = self.paths.codes(self.frame)
        inputs = read_inputs(self.spec, self.frame)
        left_out, notices = dict(self.meta["left_out"]), tuple(self.meta["notices"])
        return Rows(self.frame, self.coords, index, inputs, left_out, notices, self.paths)

    @cached_property
    def paths(self) -> Paths | None:
        """Paths of the discrepancy, or None without one."""
        return Paths.from_dict(self.meta["paths"]) if self.meta.get("paths") else None

    @property
    def title(self) -> str:
        """Name of the study."""
        return str(self.meta.get("title") or self.spec.law.title)

    @property
    def stages(self) -> dict[str, Fit]:
        """The fit by its outcome; a chain has several."""
        return {self.spec.outcome: self}

    def values(self, limit: int | None = None) -> dict[str, np.ndarray]:
        """Return posterior variables with one draw axis in front, shape (draw, ...)."""
        return posterior_values(self.idata["posterior"], limit=limit)

    def marked(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with a column `warning` if this fit failed its diagnostics."""
        banner = failure_banner(self)
        return table.assign(warning=banner) if banner else table

    @property
    def chosen_noise(self) -> float:
        """Factor of the Monte-Carlo variance of draws that were chosen by weight; 1 for those of NUTS.

        Draws that importance sampling chose carry the noise of the proposals behind them too.
        """
        sizes, engine = self.idata["posterior"].sizes, self.meta.get("engine", {})
        return 1.0 + float(sizes["chain"] * sizes["draw"] / engine["effective"]) if "effective" in engine else 1.0

    def thinned(self, draws: int) -> Fit:
        """Return the fit with at most about so many draws, evenly spaced along each chain."""
        sizes = self.idata["posterior"].sizes
        step = max(1, sizes["chain"] * sizes["draw"] // draws)
        thin = {
            name: node.to_dataset().isel(draw=slice(None, None, step)) for name, node in self.idata.children.items()
        }
        return replace(self, idata=type(self.idata).from_dict(thin))

    def summary(self, **options: Any) -> pd.DataFrame:
        """Return the table of :func:`bayes_scaling.fit.summary`."""
        return summary(self, **options)

    def diagnose(self) -> Diagnosis:
        """Return the checks of sampling and of identification (made once)."""
        return self._diagnosis

    @cached_property
    def _diagnosis(self) -> Diagnosis:
        return diagnose(self)

    def save(self, path: str | Path) -> Path:
        """Write one netCDF file; see :func:`bayes_scaling.fit.save`."""
        from bayes_scaling.fit.store import save

        return save(self, path)

    def __repr__(self) -> str:
        sizes = self.idata["posterior"].sizes
        state = "diagnostics passed" if self.diagnose().ok else "DIAGNOSTICS FAILED, see .diagnose()"
        reasons = ", ".join(f"{why}: {n}" for why, n in self.meta["left_out"].items())
        left_out = f" ({sum(self.meta['left_out'].values())} left out: {reasons})" if reasons else ""
        count = len(self.meta["notices"])
        notices = f", {count} notice{'s' if count > 1 else ''} in .meta['notices']" if count else ""
        return (
            f"<Fit {self.title!r}: law {self.spec.law.name}, {len(self.frame)} rows{left_out}, "
            f"{sizes['chain']} x {sizes['draw']} draws, {state}{notices}>"
        )
