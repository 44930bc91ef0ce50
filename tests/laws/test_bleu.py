"""BLEU by pre-training tokens: the form of the paper, where it ends, what is solved from it, bad input."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import encode, make_spec

XP = numpy_backend()
LAW = laws.get("bleu")
LOG_A, ALPHA, BETA = -8.0, 0.65, 2.0
CONSTANTS = LAW.from_published(XP, log_A=LOG_A, alpha=ALPHA, beta=BETA)


def test_the_form_of_the_paper():
    tokens = np.array([1e8, 3e9, 1e11])
    points = np.log(np.exp(LOG_A) * tokens**ALPHA) ** BETA
    np.testing.assert_allclose(100 * LAW.mean(XP, tokens=tokens, **CONSTANTS), points, rtol=1e-10)


def test_the_score_rises_between_the_ends_of_the_form():
    starts = np.exp(-LOG_A / ALPHA)  # A D^alpha = 1
    score = LAW.mean(XP, tokens=np.logspace(0, 60, 400), **CONSTANTS)
    assert (np.diff(score) >= 0).all()
    assert LAW.mean(XP, tokens=0.5 * starts, **CONSTANTS) < 1e-9
    assert score[-1] == 1
    inside = (score > 1e-9) & (score < 1)
    assert (np.diff(score[inside]) > 0).all()


def test_more_data_and_the_tokens_that_a_score_takes():
    tokens = np.array([1e9, 1e10])
    score = LAW.mean(XP, tokens=tokens, **CONSTANTS)
    np.testing.assert_allclose(LAW.tokens_needed(XP, accuracy=score, **CONSTANTS), tokens, rtol=1e-9)
    gained = (np.log(2 * tokens) * ALPHA + LOG_A) ** BETA - (np.log(tokens) * ALPHA + LOG_A) ** BETA
    np.testing.assert_allclose(LAW.doubling_gain(XP, tokens=tokens, **CONSTANTS), gained, rtol=1e-9)
    assert LAW.tokens_needed(XP, accuracy=0.99, level=0.2, gain=1e-3, beta=0.5) == np.inf


def test_the_gain_at_the_reference_is_what_is_sampled():
    step = 1e-5
    here, above = LAW.mean(XP, tokens=LAW.reference["tokens"] * np.exp([0.0, step]), **CONSTANTS)
    assert here == pytest.approx(CONSTANTS["level"], rel=1e-12)
    assert np.log(above / here) / step == pytest.approx(CONSTANTS["gain"], rel=1e-4)


def test_items_are_refused_and_the_noise_is_a_beta():
    frame = pd.DataFrame({"tokens": [1e8, 1e9, 1e10, 1e11], "accuracy": [0.2, 0.25, 0.3, 0.33]})
    assert encode(make_spec("bleu"), frame)[0].noise.observation == "beta"
    with pytest.raises(DataError, match="found n_items in 4 of 4 rows; expected none"):
        encode(make_spec("bleu"), frame.assign(n_items=3000))
