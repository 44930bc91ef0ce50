"""Fine-tuning: the form of the paper, its two phases, what pre-training is worth."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("rectified")
CONSTANTS = LAW.from_published(XP, E=0.9, B=120.0, D_l=80.0, beta=0.4)


def test_the_form_of_the_paper():
    examples = np.array([200.0, 25600, 1638400])
    expected = 120 / (80 + examples**0.4) + 0.9
    np.testing.assert_allclose(LAW.mean(XP, examples=examples, **CONSTANTS), expected, rtol=1e-12)


def test_half_of_the_drop_is_gone_at_the_pre_learned_size():
    knee = LAW.pre_learned(XP, **CONSTANTS)
    assert knee == pytest.approx(80 ** (1 / 0.4), rel=1e-12)
    assert LAW.left(XP, examples=knee, **CONSTANTS) == pytest.approx(0.5, rel=1e-12)
    assert LAW.mean(XP, examples=knee, **CONSTANTS) == pytest.approx(0.9 + 120 / 80 / 2, rel=1e-12)


def test_two_phases():
    """Few examples leave the loss where pre-training left it; many follow a power law to the floor."""
    few, many = np.array([1e-6, 1e-3]), 1e60 * np.array([1.0, 10.0])
    np.testing.assert_allclose(LAW.mean(XP, examples=few, **CONSTANTS), 0.9 + 1.5, rtol=1e-2)
    left = LAW.left(XP, examples=many, **CONSTANTS)
    assert np.log10(left[0] / left[1]) == pytest.approx(0.4, abs=1e-9)
    loss = LAW.mean(XP, examples=np.logspace(0, 12, 50), **CONSTANTS)
    assert (np.diff(loss) < 0).all()


def test_no_examples_are_refused():
    frame = pd.DataFrame({"seen": [0, 200], "loss": [2.0, 1.9]})
    with pytest.raises(DataError, match=r"'seen', row 0: found 0"):
        check_runs(frame)


@pytest.mark.real
def test_real_curves_are_all_there(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("sft")
    assert len(frame) == 1260
    assert frame.groupby("task")["model"].nunique().to_dict() == {"flan": 30, "gigaword": 30, "wmt19": 30}
    one = frame[(frame["run"] == "flan/LaMini-GPT-124M") & (frame["seen"] == 1638400)]
    assert one["loss"].item() == pytest.approx(1.742699981)
    assert one["loss_zero_shot"].item() == pytest.approx(4.891325951)
    assert bs.data.has_flag(frame, "doubtful").sum() == 2
