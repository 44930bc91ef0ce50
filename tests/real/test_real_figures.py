"""The figures of the first issue on real data; `python -m benchmarks.forecasts` prints them."""

import pytest

from benchmarks import forecasts

pytestmark = pytest.mark.real


def _found(fit, name):
    return fit.diagnose().table().set_index("name")["found"][name]


@pytest.fixture(scope="module")
def chinchilla(mirror):
    return forecasts.chinchilla_fit()


def test_chinchilla_leaves_out_the_five_flagged_rows(chinchilla):
    assert len(chinchilla.frame) == 240
    assert chinchilla.meta["left_out"] == {"flag high_loss_outlier": 5}


@pytest.mark.parametrize(("name", "theirs"), forecasts.REPLICATION.items())
def test_chinchilla_intervals_contain_the_replication(chinchilla, name, theirs):
    low, high = chinchilla.summary(var_names=[name], level=0.9).loc[name, ["lower", "upper"]]
    assert low <= theirs <= high


def test_chinchilla_converged(chinchilla):
    assert _found(chinchilla, "largest R-hat") < 1.01
    assert _found(chinchilla, "divergences") == 0
    assert chinchilla.diagnose().ok


def test_overtraining_forecasts_two_large_runs(mirror):
    fit, scores = forecasts.overtraining_scores()
    assert len(scores) == 2
    assert fit.diagnose().ok
    assert scores["relative_error"].mean() <= 0.01
    assert scores["covered"].all()


def test_overtraining_split_keeps_test_rows_out(mirror):
    frame = forecasts.bs.load_dataset("overtraining")
    train, test = forecasts.overtraining_split(frame, all_largest=False)
    assert sorted(test["params"].round(-8)) == [1.4e9, 6.9e9]
    assert set(test["family"]) == {"RedPajama"}
    assert len(train) + len(test) == len(frame) == 104
    assert (forecasts.overtraining_split(frame, all_largest=True)[1]["params"] > 6e9).sum() == 3


def test_published_split_holds_out_the_largest_model_of_each_family():
    train, test = forecasts.published_split()
    assert not set(train["run"]) & set(test["run"])
    models = test.drop_duplicates("run").set_index("family")["compute"]
    smaller = train.drop_duplicates("run").groupby("family")["compute"].max()
    assert (models >= smaller[models.index]).all()
    assert models.index.is_unique
