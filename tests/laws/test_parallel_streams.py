"""Parallel streams: the form and the numbers of the paper, and what streams are worth."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("parallel_streams")
PAPER = LAW.constants("chen2025_pile")


def test_the_constants_give_the_form_of_the_paper():
    expected = (1.9752e8 / (1.6e9 * (0.33444 * np.log(8) + 1))) ** 0.19628 + 1.2886
    assert LAW.mean(XP, params=1.6e9, streams=8, **PAPER) == pytest.approx(expected, rel=1e-12)


def test_streams_are_worth_the_parameters_that_give_the_same_loss():
    streams = np.array([1.0, 2, 4, 8, 64])
    worth = LAW.equivalent_params(XP, params=1e9, streams=streams, **PAPER)
    assert worth[0] == 1e9
    np.testing.assert_allclose(np.diff(worth[:4]), worth[1] - 1e9, rtol=1e-9)  # each doubling adds as much
    loss = LAW.mean(XP, params=1e9, streams=streams, **PAPER)
    np.testing.assert_allclose(LAW.mean(XP, params=worth, streams=1.0, **PAPER), loss, rtol=1e-12)
    assert (np.diff(loss) < 0).all()


@pytest.mark.parametrize("wrong", [0, -2, 2.5])
def test_streams_are_whole_and_at_least_one(wrong):
    frame = pd.DataFrame({"params": [1e9, 2e9], "streams": [1, wrong], "loss": [2.0, 2.1]})
    with pytest.raises(DataError, match=r"column 'streams', row 1"):
        check_runs(frame, further=LAW.columns)


@pytest.mark.real
def test_real_runs_fall_with_streams_as_the_constants_say(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("parscale")
    assert len(frame) == 48
    for family, name in (("Pile", "chen2025_pile"), ("Stack-V2-Python", "chen2025_stack")):
        part = frame[frame["family"] == family]
        at = {i.name: part[i.column].to_numpy() for i in LAW.inputs}
        assert np.abs(np.log(LAW.at_constants(name, **at) / part["loss"].to_numpy())).max() < 0.01
