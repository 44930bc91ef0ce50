"""Routing: the bilinear form of the paper, effective parameters, the size at which routing stops helping."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("routed")
PAPER = LAW.constants("clark2022_s_base")


def saturated(experts):
    """Return the saturated number of experts, as equation 2 of the paper has it."""
    return 1 / (1 / (experts - 1 + 1 / (1 / 1.847 - 1 / 314.478)) + 1 / 314.478)


@pytest.mark.parametrize("experts", [1, 2, 64, 512])
def test_the_published_constants_give_the_form_of_the_paper(experts):
    n, e = np.log10(3.7e8), np.log10(saturated(experts))
    expected = 10 ** (-0.082 * n - 0.108 * e + 0.009 * n * e + 1.104)
    assert LAW.mean(XP, active_params=3.7e8, experts=experts, **PAPER) == pytest.approx(expected, rel=1e-10)


def test_effective_parameters_are_those_of_the_dense_model_with_the_same_loss():
    n, e = 3.7e8, np.array([1.0, 4, 128])
    worth = LAW.effective_params(XP, active_params=n, experts=e, **PAPER)
    loss = LAW.mean(XP, active_params=n, experts=e, **PAPER)
    np.testing.assert_allclose(LAW.mean(XP, active_params=worth, experts=1.0, **PAPER), loss, rtol=1e-12)
    assert worth[0] == pytest.approx(n, rel=1e-12)
    dense = -0.082 + 0.009 * np.log10(1.847)  # the paper's closed form
    routed = -0.082 + 0.009 * np.log10(saturated(128))
    expected = n ** (routed / dense) * (saturated(128) / 1.847) ** (-0.108 / dense)
    assert worth[2] == pytest.approx(expected, rel=1e-8)


def test_routing_stops_helping_at_the_cutoff():
    cutoff = LAW.cutoff_params(XP, **PAPER)
    assert cutoff == pytest.approx(10 ** (0.108 / 0.009), rel=1e-6)  # 937 billion in the paper, before rounding
    for factor, sign in ((0.1, -1), (1, 0), (10, 1)):
        loss = LAW.mean(XP, active_params=factor * cutoff, experts=np.array([1.0, 64]), **PAPER)
        assert np.sign(np.round(loss[1] - loss[0], 10)) == sign


def test_experts_saturate():
    experts = np.logspace(0, 8, 60).round()
    loss = LAW.mean(XP, active_params=1e8, experts=experts, **PAPER)
    assert (np.diff(loss) <= 0).all()
    assert loss[-1] / loss[-5] == pytest.approx(1, abs=1e-4)


def test_a_share_of_an_expert_is_refused():
    frame = pd.DataFrame({"active_params": [1e9, 1e9], "experts": [0, 1.5], "loss": [2.0, 2.1]})
    with pytest.raises(DataError, match=r"'experts', row 0: found 0.*\n.*'experts', row 1: found 1\.5"):
        check_runs(frame, further=LAW.columns)


@pytest.mark.real
def test_real_runs_and_the_published_constants(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("routing")
    assert len(frame) == 223
    frame = frame[~bs.data.has_flag(frame, "other_shape")]
    assert frame["family"].value_counts().to_dict() == {"RL-R": 54, "S-Base": 53, "Hash": 51, "Dense": 5}
    part = frame[frame["family"].isin(["S-Base", "Dense"])]
    at = {i.name: part[i.column].to_numpy() for i in LAW.inputs}
    miss = np.log(LAW.at_constants("clark2022_s_base", **at) / part["loss"].to_numpy())
    assert abs(miss.mean()) < 0.01
    assert miss.std() < 0.01
