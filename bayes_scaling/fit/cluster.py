"""A Dask cluster as the crew of many fits: found, and refused where its workers would not do the same work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayes_scaling.errors import FitError, listed
from bayes_scaling.fit.sample import versions

TIMEOUT = 15.0  # seconds in which a scheduler has to answer
SAME = ("python", "bayes-scaling", "pymc", "pytensor", "nutpie", "numpy")
INSTALL = "pip install 'bayes-scaling[cluster]'"


def connect(address: str, *, timeout: float = TIMEOUT) -> Any:
    """Return a client of a Dask scheduler whose workers have the versions of this process.

    Parameters
    ----------
    address : str
        As the scheduler prints it, such as ``tcp://10.0.0.1:8786``.
    timeout : float
        Seconds to wait for an answer.

    Returns
    -------
    distributed.Client
        The ``executor`` of :func:`many_fits` and of backtests. Whoever asked for it closes it.

    Raises
    ------
    FitError
        Dask is not installed, the scheduler does not answer or has no workers, or a worker has another version of a
        package that decides results.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise FitError(f"a scheduler needs the package distributed, which is not installed: {INSTALL}.") from error
    try:
        client = Client(address, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise FitError(
            f"no scheduler answers at {address} within {timeout:g} s ({type(error).__name__}). Start one with "
            "`dask scheduler`, give the address that it prints, and look whether a firewall is between."
        ) from error
    try:
        _check_workers(client, address)
    except BaseException:
        client.close()
        raise
    return client


def _check_workers(client: Any, address: str) -> None:
    """Raise FitError where there is no worker, or one that has other versions."""
    try:
        found = _there(client)
    except ModuleNotFoundError as error:
        raise FitError(f"a worker of {address} lacks {error.name}: install bayes-scaling there too.") from error
    if not found:
        raise FitError(
            f"the scheduler at {address} has no workers. Start one per processor: `dask worker "
            f"{address} --nworkers=-1 --nthreads 1`."
        )
    here, wrong = versions(), []
    for worker, there in found.items():
        different = [f"{name} {there.get(name)} (here {here[name]})" for name in SAME if there.get(name) != here[name]]
        if different:
            wrong.append(f"{worker}: {listed(different)}")
    if wrong:
        raise FitError(
            f"{len(wrong)} of {len(found)} workers have other versions, whose results could differ: {'; '.join(wrong)}."
            " Install the same versions there (constraints.txt), and start those workers again."
        )


def _there(client: Any) -> Mapping[str, Mapping[str, str]]:
    """Return the versions of every worker, by its address."""
    return dict(client.run(versions))
