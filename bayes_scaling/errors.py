"""Errors of the package, and the one way to suggest a name.

Every message says what was found, what was expected and what to do about it.
This module is below all rooms and imports nothing heavy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BayesScalingError(Exception):
    """Base class of every error this package raises on purpose."""


class DataError(BayesScalingError, ValueError):
    """A table of runs cannot be used as it is."""


class CardError(BayesScalingError, ValueError):
    """A model card or a model specification is wrong."""


class FitError(BayesScalingError, RuntimeError):
    """A fit could not be made, saved or loaded."""


class InterruptedFitError(FitError):
    """Sampling was interrupted before all draws were made."""


class ForecastError(BayesScalingError, ValueError):
    """A forecast was asked for that the fit cannot give."""


class DownloadError(BayesScalingError, OSError):
    """A dataset could not be fetched, or its file is not the expected one."""


_KNOWN_SYNONYMS = {
    "benchmark": "task",
    "flop": "compute",
    "flops": "compute",
    "size": "params",
    "parameters": "params",
    "data": "tokens",
}


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest valid name, or an empty string.

    Parameters
    ----------
    name : str
        What was found.
    options : iterable of str
        Valid names.

    Returns
    -------
    str
        A sentence with a leading blank, or ``""`` when nothing is near.
    """
    options = [str(o) for o in options]
    lowered = {o.lower(): o for o in options}
    key = str(name).strip().lower()
    synonym = _KNOWN_SYNONYMS.get(key)
    if key in lowered:
        near = [key]
    elif synonym in lowered:
        near = [str(synonym)]
    else:
        near = difflib.get_close_matches(key, lowered, n=1, cutoff=0.5)
        near = near or [o for o in lowered if key and (o.startswith(key) or key in o)][:1]
    return f" Did you mean {lowered[near[0]]!r}?" if near else ""


def listed(options: Iterable[object], limit: int = 12) -> str:
    """Return valid names as ``a, b, c, ... (43 in all)``."""
    names = [str(o) for o in options]
    if len(names) <= limit:
        return ", ".join(names) or "none"
    return ", ".join(names[:limit]) + f", ... ({len(names)} in all)"
