"""Fixtures shared by all rooms; what a fixture holds is made once per session."""

import os
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")
sys.path.insert(0, str(Path(__file__).parent))  # tests of all rooms import simulated.py and sbc.py

SETTINGS = {"draws": 1500, "tune": 1000, "chains": 2, "adaptation": "diag"}


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder of the public datasets, or a skip that says why."""
    named = os.environ.get("BAYES_SCALING_DATA", "")
    if not named:
        pytest.skip("BAYES_SCALING_DATA is not set: it names the folder of public datasets")
    if not Path(named).is_dir():
        pytest.skip(f"BAYES_SCALING_DATA={named} does not exist")
    return Path(named)


@pytest.fixture(scope="session")
def ladder():
    """Runs of three families under Chinchilla's law, with the truth of simulated.TRUTH."""
    import simulated

    return simulated.ladder()


@pytest.fixture(scope="session")
def spec():
    """Chinchilla's law with a floor per family."""
    from bayes_scaling.model import make_spec

    pooling = {"E": {"family": "partial"}, "A_ref": "complete", "B_ref": "complete"}
    return make_spec("chinchilla", groups=["family"], pooling=pooling)


@pytest.fixture(scope="session")
def sampler(spec, ladder):
    """The model of `spec` on `ladder`, compiled once for the whole session."""
    from bayes_scaling.fit import Sampler
    from bayes_scaling.model import encode

    return Sampler(*encode(spec, ladder))


@pytest.fixture(scope="session")
def settings():
    """Few draws, enough to pass the diagnostics."""
    from bayes_scaling.fit import SamplerSettings

    return SamplerSettings(**SETTINGS)


@pytest.fixture(scope="session")
def fit(spec, ladder, sampler, settings):
    """The one sampled fit of the fast tests."""
    from bayes_scaling.fit import assemble
    from bayes_scaling.model import encode

    settled, rows = encode(spec, ladder)
    tree = sampler.sample(settings, seed=1)
    return assemble(settled, rows, tree, settings=settings, seed=1, title="three families")


@pytest.fixture(scope="session")
def crossed_fit():
    """Crossed groups with an interaction and a run effect; its draws are the prior's, not sampled."""
    import simulated

    return simulated.fit_of(simulated.crossed_spec(), simulated.benchmarks(), draws=250)
