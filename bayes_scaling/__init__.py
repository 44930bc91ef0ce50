"""bayes_scaling: hierarchical Bayesian scaling laws with honest intervals.

``import bayes_scaling as bs`` costs little: every name below is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "Allocation": "plan",
    "Backtest": "compare",
    "CapabilityModel": "api",
    "Card": "api",
    "ChainFit": "fit",
    "ChainModel": "fit",
    "DownstreamFit": "forecasts",
    "Fit": "fit",
    "Forecast": "forecasts",
    "Frontier": "plan",
    "Growth": "plan",
    "Law": "laws",
    "Limits": "plan",
    "Noise": "model",
    "NextRun": "plan",
    "Outlook": "plan",
    "Prices": "plan",
    "Prior": "laws",
    "PriorSet": "laws",
    "Recipes": "plan",
    "Regret": "plan",
    "SamplerSettings": "fit",
    "ScalingModel": "api",
    "Sensitivity": "compare",
    "Target": "plan",
    "allocation": "plan",
    "backtest": "api",
    "beside_published": "compare",
    "by_group": "compare",
    "calibrate_width": "compare",
    "check_evaluations": "data",
    "check_runs": "data",
    "compare_recipes": "plan",
    "compute_to_reach": "forecasts",
    "contrasts": "compare",
    "coverage": "compare",
    "downstream": "forecasts",
    "effective_compute": "compare",
    "fit_growth": "plan",
    "forecast": "forecasts",
    "frontier": "plan",
    "grid": "forecasts",
    "growth_of": "plan",
    "identification": "compare",
    "informative": "compare",
    "law_weights": "compare",
    "list_datasets": "data",
    "load": "fit",
    "load_card": "api",
    "load_dataset": "data",
    "loadings": "compare",
    "loo": "check",
    "loo_pit": "check",
    "mixture": "compare",
    "next_run": "plan",
    "outlook": "plan",
    "posterior_predictive": "check",
    "predictive_table": "check",
    "power_scaling": "check",
    "prior_predictive": "check",
    "range_table": "check",
    "quantity": "forecasts",
    "ranking": "compare",
    "reachable": "forecasts",
    "read_harness": "data",
    "read_table": "data",
    "register_law": "laws",
    "regret": "plan",
    "residuals": "check",
    "score": "compare",
    "score_mixture": "compare",
    "sensitivity": "api",
    "skills": "compare",
    "task_table": "data",
    "thin": "data",
    "to_reach": "plan",
    "widen": "compare",
    "write_catalogue": "api",
    "write_report": "report",
}
_RENAMED = {"register_law": "register"}

__all__ = [*sorted(_WHERE), "__version__", "laws", "plots"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        module = importlib.import_module(f"{__name__}.{_WHERE[name]}")
        value = getattr(module, _RENAMED.get(name, name))
        globals()[name] = value
        return value
    if name in ("laws", "plots"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
