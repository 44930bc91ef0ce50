"""Whether the split of compute matters: what the card chinchilla_compute says, on Chinchilla's runs."""

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling.data import has_flag
from bayes_scaling.fit import SamplerSettings, sample
from bayes_scaling.model import make_spec

SETTINGS = SamplerSettings(draws=400, tune=400, chains=4)


def left_out(frame, law):
    """Return the log density of each run when it is left out, shape (run,)."""
    fit = sample(make_spec(law), frame, settings=SETTINGS, random_seed=1, progressbar=False)
    return bs.loo(fit).pointwise.set_index("unit")["elpd"]


def ahead(first, second):
    """Return the log density by which the first is ahead, and its standard error."""
    gain = first - second
    return gain.sum(), np.sqrt(len(gain)) * gain.std(ddof=1)


@pytest.mark.real
def test_the_split_of_compute_matters_away_from_twenty_tokens_per_parameter(mirror):
    frame = bs.load_dataset("chinchilla")
    frame = frame[~has_flag(frame, ["high_loss_outlier"])].reset_index(drop=True)
    ratio = frame["tokens"] / frame["params"]
    split, alone = left_out(frame, "chinchilla"), left_out(frame, "power_law")
    gain, error = ahead(split, alone)
    assert gain > 5 * error
    gain, error = ahead(alone, left_out(frame, "log_compute"))
    assert gain > 5 * error, "the curve of loss in compute is no line"
    near = frame[(ratio > 10) & (ratio < 40)].reset_index(drop=True)
    gain, error = ahead(left_out(near, "chinchilla"), left_out(near, "power_law"))
    assert abs(gain) < 3 * error
