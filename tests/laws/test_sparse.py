"""Dense and sparse models in one law: the form of the paper, its limits, best size and sparsity, bad input."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("sparse")
EXPERTS = LAW.constants("hossain2025_experts")
AT = {"params": np.array([4e8, 2e9]), "tokens": np.array([1e10, 1e11])}


def test_the_form_of_the_paper():
    n, d, s = 3.76e8, 1.102e11, np.array([0.0, 0.5, 0.98])
    expected = 0.57 * (1 - s) ** 1.19 + (8.26 * (1 - s) ** 0.08 + 3.57 * s) / n**0.08 + 6324.82 / d**0.40
    found = LAW.at_constants("hossain2025_experts", params=n, tokens=d, sparsity=s)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_dense_model_follows_chinchilla():
    dense = laws.get("chinchilla")
    values = LAW.from_published(XP, **dense.published["hoffmann2022"].values, c=93.45, gamma=0.001)
    found = LAW.mean(XP, **AT, sparsity=np.zeros(2), **values)
    np.testing.assert_allclose(found, dense.at_constants("hoffmann2022", **AT), rtol=1e-12)


def test_without_a_cost_sparsity_counts_all_parameters():
    values = {**EXPERTS, "c_ref": 0.0, "gamma": 0.0}
    found = LAW.mean(XP, **AT, sparsity=np.array([0.75, 0.5]), **values)
    all_of_them = AT["params"] / np.array([0.25, 0.5])
    dense = LAW.mean(XP, params=all_of_them, tokens=AT["tokens"], sparsity=np.zeros(2), **values)
    np.testing.assert_allclose(found, dense, rtol=1e-12)


def abnar(n, d, s):
    """Return the loss of Abnar et al. (2025) from all parameters, at their published constants."""
    share = 1 - s
    return (
        0.94 + 16612.5 / n**0.5962 + 5455.67 / d**0.3954 + 0.4598 * share**0.1666 + 17.26 / (share**0.1603 * n**0.1595)
    )


def frantar(n, d, s):
    """Return the loss of Frantar et al. (2023) on C4 from the parameters that are not zero."""
    return (16.8 * (1 - s) ** 0.722 + 45.0) * n**-0.245 + (6.9e8 / d) ** 0.203 + 0.651


def test_published_constants_are_of_active_parameters():
    """They were fitted to two laws, and meet them where the parameters are those that are active."""
    s = np.array([0.25, 0.5, 0.75, 0.9, 0.95])
    for n in (1e9, 1e10):
        tokens = 1e20 / (6 * n * (1 - s))
        found = LAW.at_constants("hossain2025_experts", params=n * (1 - s), tokens=tokens, sparsity=s)
        np.testing.assert_allclose(found, abnar(n, tokens, s), atol=0.15)
    s = np.array([0.0, 0.5, 0.75])
    for n in (5.3e6, 8.5e7):
        found = LAW.at_constants("hossain2025_pruned", params=n, tokens=6.5e10, sparsity=s)
        np.testing.assert_allclose(found, frantar(n, 6.5e10, s), atol=0.1)


def test_the_best_size_at_a_sparsity_has_the_lowest_loss():
    compute, sparsity = np.array([1e20, 1e20, 1e22]), np.array([0.0, 0.9, 0.5])
    best = LAW.optimal_params(XP, compute=compute, sparsity=sparsity, **EXPERTS)

    def loss(params):
        return LAW.mean(XP, params=params, tokens=compute / (6 * params), sparsity=sparsity, **EXPERTS)

    every = np.array([loss(best * factor) for factor in np.logspace(-2, 2, 401)])
    assert (loss(best) <= every.min(axis=0) + 1e-12).all()


def test_the_best_sparsity_has_the_lowest_loss():
    values = {k: np.array([[v]] * 3) for k, v in EXPERTS.items()}
    values["gamma"] = np.array([[1.19], [0.05], [2.0]])
    values["c_ref"] = EXPERTS["c_ref"] * np.array([[1.0], [3.0], [1.4]])
    params, most = np.array([1e8, 1e10]), np.array([0.98, 0.9])
    best = LAW.optimal_sparsity(XP, params=params, sparsity=most, **values)
    assert best.shape == (3, 2)

    def loss(share):
        return LAW.mean(XP, params=params, tokens=2e10, sparsity=share, **values)

    every = np.array([loss(share * most) for share in np.linspace(0, 1, 801)])
    assert (loss(best) <= every.min(axis=0) + 1e-9).all()
    assert (best[1] == 0).all(), "where sparsity costs more than it brings, the dense model is best"
    assert ((best > 0.05) & (best < most - 0.05)).any(), "some lie between the ends"


@pytest.mark.parametrize(
    ("wrong", "to_do"),
    [(1.0, "Correct these values"), (-0.1, "Correct these values"), (90.0, "percent: divide by 100")],
)
def test_a_sparsity_that_leaves_nothing_is_refused(wrong, to_do):
    frame = pd.DataFrame(
        {"active_params": [1e8, 1e8], "tokens": [2e9, 2e9], "sparsity": [0.5, wrong], "loss": [3.0, 3.1]}
    )
    with pytest.raises(DataError, match=rf"column 'sparsity', row 1: .*{to_do}"):
        check_runs(frame, further=LAW.columns)
