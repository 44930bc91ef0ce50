"""Whether the split of compute matters: what the card chinchilla_compute says, on Chinchilla's runs."""

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.data import has_flag
from bayes_scaling.fit import SamplerSettings, sample
from bayes_scaling.model import make_spec

SETTINGS = SamplerSettings(draws=400, tune=400, chains=4)


def ahead(frame):
    """Return the log density by which Chinchilla's law is ahead of compute alone, left out by run, and its error."""
    fits = [sample(make_spec(law), frame, settings=SETTINGS, random_seed=1, progressbar=False)
            for law in ("power_law", "chinchilla")]  # fmt: skip
    alone, split = (bs.loo(fit).pointwise for fit in fits)
    assert (alone["unit"] == split["unit"]).all()
    gain = (split["elpd"] - alone["elpd"]).to_numpy()
    return gain.sum(), np.sqrt(len(gain)) * gain.std(ddof=1)


@pytest.mark.real
def test_the_split_of_compute_matters_away_from_twenty_tokens_per_parameter(mirror):
    frame = bs.load_dataset("chinchilla")
    frame = frame[~has_flag(frame, ["high_loss_outlier"])].reset_index(drop=True)
    ratio = frame["tokens"] / frame["params"]
    gain, error = ahead(frame)
    assert gain > 5 * error
    gain, error = ahead(frame[(ratio > 10) & (ratio < 40)].reset_index(drop=True))
    assert abs(gain) < 3 * error
