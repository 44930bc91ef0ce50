"""NumPyro's NUTS on the model of ``plain.py``: the same priors, noise, chains and draws.

``python -m benchmarks.peers.numpyro_nuts TABLE.csv`` prints a line of JSON: seconds of importing and of compiling and
sampling together, smallest bulk effective sample size. NumPyro is no dependency: ``pip install numpyro``.
"""

from __future__ import annotations

import json
import sys
import time

STARTED = time.perf_counter()

import arviz as az  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import numpyro  # noqa: E402
import numpyro.distributions as dist  # noqa: E402
import pandas as pd  # noqa: E402
from numpyro.infer import MCMC, NUTS  # noqa: E402

Z95 = 1.6448536269514722


def model(size: np.ndarray, data: np.ndarray, loss: np.ndarray) -> None:
    """Declare the law of Hoffmann et al. (2022), equation 2, with Student-t noise of log loss."""

    def lognormal(name: str, median: float, upper95: float) -> jax.Array:
        return numpyro.sample(name, dist.LogNormal(np.log(median), np.log(upper95 / median) / Z95))

    E, A, B = lognormal("E", 1.7, 2.6), lognormal("A", 0.4, 1.2), lognormal("B", 0.4, 1.2)
    alpha, beta = lognormal("alpha", 0.35, 0.7), lognormal("beta", 0.35, 0.7)
    sigma, nu = lognormal("sigma", 0.01, 0.1), numpyro.sample("nu", dist.Gamma(2, 0.1))
    mean = jnp.log(E + A * size**-alpha + B * data**-beta)
    numpyro.sample("y", dist.StudentT(nu, mean, sigma), obs=jnp.log(loss))


def main() -> None:
    """Sample and print the cost."""
    table = pd.read_csv(sys.argv[1])
    numpyro.set_host_device_count(2)
    jax.config.update("jax_enable_x64", True)
    imported = time.perf_counter() - STARTED
    begun = time.perf_counter()
    sampler = MCMC(NUTS(model), num_warmup=1000, num_samples=1000, num_chains=4, chain_method="sequential",
                   progress_bar=False)  # fmt: skip
    sampler.run(
        jax.random.PRNGKey(1), table["params"].to_numpy() / 1e9, table["tokens"].to_numpy() / 2e10,
        table["loss"].to_numpy(),
    )  # fmt: skip
    draws = {k: np.asarray(v) for k, v in sampler.get_samples(group_by_chain=True).items()}
    sampled = time.perf_counter() - begun
    ess = min(float(az.ess(v)) for v in draws.values())
    print(json.dumps({"import": imported, "sample": sampled, "ess": ess}))


if __name__ == "__main__":
    main()
