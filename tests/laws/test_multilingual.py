"""Laws of several languages: the forms of the paper, factors that keep the loss, what other languages are worth."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
MANY, TRANSFER = laws.get("languages"), laws.get("transfer").with_options(languages=["en", "other"])
LOSS = {"E": 1.6, "A": 380.0, "alpha": 0.34, "B": 420.0, "beta": 0.29}
CURSE = MANY.from_published(XP, **LOSS, phi=0.11, psi=-0.04)
VALUES = {**LOSS, "lambda": 0.2, "tau_en": 0.3, "tau_other": 0.05}
HELP = TRANSFER.from_published(XP, **VALUES)


def saturated(tokens, unique, decay):
    """Return the paper's effective tokens of one source."""
    if tokens <= unique:
        return tokens
    return unique * (1 + (1 - np.exp(-decay * (tokens / unique - 1))) / decay)


# The number of languages


def test_the_form_with_many_languages():
    n, d, k = 2e9, 5e9, np.array([1.0, 20.0])
    expected = 1.6 + 380 * k**0.11 / n**0.34 + 420 * k**-0.04 / d**0.29
    np.testing.assert_allclose(MANY.mean(XP, params=n, tokens=d, languages=k, **CURSE), expected, rtol=1e-12)
    chinchilla = laws.get("chinchilla")
    one = chinchilla.mean(XP, params=n, tokens=d, **chinchilla.from_published(XP, **LOSS))
    assert expected[0] == pytest.approx(one, rel=1e-12), "with one language it is Chinchilla's law"


def test_factors_of_the_paper():
    """Four times as many languages: 1.4 times the parameters, 2.74 times the tokens; compute as r^0.97."""
    sampled = MANY.from_published(XP, **{**LOSS, "alpha": 0.11 / 0.243, "beta": 0.04 / 0.272}, phi=0.11, psi=-0.04)
    assert MANY.size_factor(XP, times=4.0, **sampled) == pytest.approx(1.4, abs=0.005)
    assert MANY.tokens_factor(XP, times=4.0, **sampled) == pytest.approx(2.74, abs=0.005)
    assert MANY.compute_factor(XP, times=10.0, **sampled) == pytest.approx(10**0.97, rel=0.01)


def test_factors_keep_the_loss():
    k, n, d, times = 5.0, 1e9, 2e9, np.array([0.5, 2.0, 20.0])
    before = MANY.mean(XP, params=n, tokens=d, languages=k, **CURSE)
    size, total = MANY.size_factor(XP, times=times, **CURSE), MANY.tokens_factor(XP, times=times, **CURSE)
    of_each = k * d * total / (k * times)  # equal shares
    after = MANY.mean(XP, params=n * size, tokens=of_each, languages=k * times, **CURSE)
    np.testing.assert_allclose(after, before, rtol=1e-12)
    np.testing.assert_allclose(MANY.compute_factor(XP, times=times, **CURSE), size * total, rtol=1e-12)


# Tokens of other languages


@pytest.mark.parametrize("epochs", [0.5, 1.0, 3.0, 40.0])
def test_the_form_with_transfer(epochs):
    n, unique, english, other = 1e9, 4e9, (3e11, 1e11), (5e10, 9e10)
    tokens = epochs * unique
    effective = (
        saturated(tokens, unique, 0.2) + 0.3 * saturated(*english, 0.2) + 0.05 * saturated(*other, 0.2)
    )  # fmt: skip
    data = {"d_en": english[0], "u_en": english[1], "d_other": other[0], "u_other": other[1]}
    found = TRANSFER.effective_tokens(XP, tokens=tokens, unique=unique, **data, **HELP)
    assert found == pytest.approx(effective, rel=1e-12)
    loss = TRANSFER.mean(XP, params=n, tokens=tokens, unique=unique, **data, **HELP)
    assert loss == pytest.approx(1.6 + 380 / n**0.34 + 420 / effective**0.29, rel=1e-12)


def test_the_target_alone_is_data_constrained_for_small_models():
    """Repeats decay as in Muennighoff et al. where parameters are not in excess."""
    constrained = laws.get("data_constrained")
    sampled = constrained.from_published(XP, **LOSS, R_D=5.0, R_N=5.0)
    at = {"params": 1e6, "tokens": np.array([4e9, 4e10])}
    alone = {"d_en": 0.0, "u_en": 1e9, "d_other": 0.0, "u_other": 1e9}
    found = TRANSFER.mean(XP, **at, unique=4e9, **alone, **HELP)
    np.testing.assert_allclose(found, constrained.mean(XP, **at, unique_tokens=4e9, **sampled), rtol=1e-12)


def test_data_saturate():
    at = {"unique": 1e9, "d_en": 0.0, "u_en": 1e9, "d_other": 0.0, "u_other": 1e9}
    found = TRANSFER.effective_tokens(XP, tokens=np.logspace(7, 13, 50), **at, **HELP)
    assert (np.diff(found) >= 0).all()
    assert found[-1] == pytest.approx(1e9 * (1 + 5), rel=1e-6)


def test_repeat_until_a_new_token_of_the_other_language_is_worth_more():
    epochs = TRANSFER.repeat_until(XP, language=np.array([1.0, 2.0]), **HELP)
    np.testing.assert_allclose(epochs, 1 + 5 * np.log([1 / 0.3, 1 / 0.05]), rtol=1e-12)
    at = {"unique": 1e9, "u_en": 1e12, "d_other": 0.0, "u_other": 1e9}
    own = [TRANSFER.effective_tokens(XP, tokens=epochs[0] * 1e9 + x, d_en=0.0, **at, **HELP) for x in (0.0, 1e6)]
    theirs = [TRANSFER.effective_tokens(XP, tokens=1e9, d_en=x, **at, **HELP) for x in (0.0, 1e6)]
    assert own[1] - own[0] == pytest.approx(theirs[1] - theirs[0], rel=1e-3)
    assert TRANSFER.repeat_until(XP, language=np.array([1.0]), **{**HELP, "tau_en": 2.0}) == 1
    with pytest.raises(CardError, match="language 3"):
        TRANSFER.repeat_until(XP, language=np.array([3.0]), **HELP)


def test_other_languages_are_an_option():
    law = TRANSFER.with_options(languages=["de", "fr", "rest"])
    assert {"d_de", "u_rest"} < {i.column for i in law.inputs}
    assert [i.name for i in law.quantity("effective_tokens").asked][-2:] == ["d_rest", "u_rest"]
    frame = pd.DataFrame(law.example(10))
    assert (frame["d_de"] > 0).tolist() == [False, True, False, False, True] * 2
    for bad in ("de", [], ["de", "de"]):
        with pytest.raises(CardError, match="languages ="):
            TRANSFER.with_options(languages=bad)
    with pytest.raises(CardError, match=r"'langs'.*it has languages"):
        TRANSFER.with_options(langs=["de"])
