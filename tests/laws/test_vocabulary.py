"""Vocabulary: the numbers of the paper, the optimum against brute force, the offset of the loss."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.solve import increasing_root
from bayes_scaling.model.priors import draw

XP = numpy_backend()
LAW = laws.get("vocabulary")
PAPER = LAW.constants("tao2024")


def test_the_published_constants_give_the_form_of_the_paper():
    """There in millions of parameters and billions of tokens."""
    expected = -5.53278 + 1.831385 / 300**0.446606 + 0.1958424 / 30**0.670737 + 2.124112 / 20**0.446606
    found = LAW.mean(XP, non_vocab_params=3e8, vocab_params=3e7, tokens=2e10, **PAPER)
    assert found - 7 == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("size", "width", "entries"), [(7e9, 4096, 60_000), (70e9, 8192, 216_000)])
def test_the_published_optimum(size, width, entries):
    """60 thousand for 7 billion, 216 thousand (abstract) for 70 billion, at the paper's optimal compute."""
    compute = (size / np.exp(-2.48465)) ** 2
    found = LAW.optimal_vocab(XP, non_vocab_params=size, embed_dim=width, compute=compute, **PAPER)
    assert found == pytest.approx(entries, rel=0.02)


def test_the_optimum_has_the_lowest_loss_at_its_compute():
    rng = np.random.default_rng(3)
    sampled = {p.name: draw(p.prior, rng, (40, 1)) for p in LAW.parameters}
    size, width, compute = 2e9, 2048.0, 3e20
    found = LAW.optimal_vocab(XP, non_vocab_params=size, embed_dim=width, compute=compute, **sampled) * width
    grid = found * np.exp(np.linspace(-0.2, 0.2, 41))  # the optimum stands in the middle
    tokens = compute / (6 * (size + grid))
    loss = LAW.mean(XP, non_vocab_params=size, vocab_params=grid, tokens=tokens, **sampled)
    assert (np.abs(np.argmin(loss, axis=1) - 20) <= 1).all()
    more = LAW.optimal_vocab(XP, non_vocab_params=size, embed_dim=width, compute=10 * compute, **sampled) * width
    assert (more > found).all(), "a larger budget wants a larger vocabulary"


def test_roots_outside_the_bracket_are_its_ends():
    found = increasing_root(XP, lambda x: x - np.array([-3.0, 0.25, 9.0]), 0.0, 1.0)
    np.testing.assert_allclose(found, [0, 0.25, 1], atol=1e-15)


def test_another_offset_moves_the_floor_and_nothing_else():
    other = LAW.with_options(offset=8.0)
    assert other.options == {"offset": 8.0}
    assert LAW.with_options().options == {}
    moved, was = other.constants("tao2024"), PAPER
    assert moved["floor"] - was["floor"] == pytest.approx(1)
    assert {k: v for k, v in moved.items() if k != "floor"} == {k: v for k, v in was.items() if k != "floor"}
    assert other.to_published(XP, **moved)["E"] == pytest.approx(5.53278, abs=1e-5)


@pytest.mark.parametrize("wrong", [{"offset": 0}, {"offset": "seven"}, {"ofset": 7}])
def test_options_that_cannot_be_used(wrong):
    with pytest.raises(CardError, match="offset"):
        LAW.with_options(**wrong)


def test_a_table_in_millions_is_refused():
    from bayes_scaling.data import check_runs

    frame = pd.DataFrame({"non_vocab_params": [300.0, 3e8], "vocab_params": 3e7, "tokens": 2e10, "loss": [2.0, 2.1]})
    with pytest.raises(DataError, match=r"'non_vocab_params', row 0: found 300"):
        check_runs(frame, further=LAW.columns)


@pytest.mark.real
def test_real_losses_are_raised_to_positive_ones(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("vocab")
    assert len(frame) == 1200
    assert (frame["loss"] > 1).all()
    np.testing.assert_allclose(frame["loss"] - 7, frame["unigram_normalised_loss"], atol=1e-12)
    kept = frame[~bs.data.has_flag(frame, "early_checkpoint")]
    assert len(kept) == 1054
    at = {i.name: kept[i.column].to_numpy() for i in LAW.inputs}
    at["tokens"] = at["tokens"] * 2.9  # see the note of the constants
    assert np.std(LAW.mean(XP, **at, **PAPER) - kept["loss"]) < 0.1
