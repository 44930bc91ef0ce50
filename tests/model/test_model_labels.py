"""One identity of a run in groups, run effect and paths, and a discrepancy with one path."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.errors import DataError
from bayes_scaling.fit.subset import fitted_levels, subset
from bayes_scaling.model import build, encode, make_spec
from bayes_scaling.model.labels import labels, path_names, run_labels

FRAME = pd.DataFrame({"family": ["A", "A", "B", "B"], "run": ["x", "y", "x", None], "task": ["s", "t", "s", "t"]})


def curves(**columns):
    """Return three runs of ten rows in two families; two of them have one name."""
    scale = np.geomspace(1e8, 1e10, 10)
    parts = [
        pd.DataFrame({"family": f, "run": r, "tokens": scale, "loss": 3.0 - 0.1 * np.arange(10)})
        for f, r in (("A", "r0"), ("A", "r1"), ("B", "r0"))
    ]
    return pd.concat(parts, ignore_index=True).assign(**columns)


def m2(**options):
    return make_spec("m2", inputs={"scale": "tokens"}, **options)


def test_a_run_has_one_identity():
    assert run_labels(FRAME).tolist() == ["A|x", "A|y", "B|x", "row 3"]
    assert labels(FRAME, "run").tolist() == run_labels(FRAME).tolist() == path_names(FRAME, "run").tolist()
    assert labels(FRAME, "family:run").tolist() == labels(FRAME, "run:family").tolist() == run_labels(FRAME).tolist()
    assert labels(FRAME, "task:run").tolist() == ["s|A|x", "t|A|y", "s|B|x", "t|row 3"]
    assert labels(FRAME, "run", nameless="point").iloc[3] == "point 3"
    assert labels(FRAME, "family:task").tolist() == ["A|s", "A|t", "B|s", "B|t"]
    assert labels(FRAME.drop(columns="family"), "run").tolist() == ["x", "y", "x", "row 3"]


@pytest.mark.parametrize("run_effect", [True, False])
def test_groups_by_run_and_run_effects_have_the_same_levels(run_effect):
    noise = {"observation": "normal", "run_effect": run_effect}
    settled, rows = encode(m2(groups=["run"], noise=noise), curves())
    assert settled.noise.run_effect == run_effect
    assert rows.coords == {"run": ["A|r0", "A|r1", "B|r0"]}
    np.testing.assert_array_equal(rows.index["run"], np.repeat([0, 1, 2], 10))


def test_levels_of_runs_stay_what_they_are_in_a_subset():
    frame = curves(task=np.tile(["s", "t"], 15))
    pooling = {"A_ref": {"run": "partial", "task:run": "partial"}, "E": "complete"}
    spec = m2(groups=["run", "task"], pooling=pooling, noise={"run_effect": False, "observation": "normal"})
    settled, rows = encode(spec, frame)
    part = subset(rows, np.r_[4, 3, 20:30])

    class NoDraws:
        dims = ()

        def isel(self, dims):
            return self

        assign_coords = isel

    kept, _ = fitted_levels(settled, part, NoDraws())
    assert kept.coords["run"] == ["A|r0", "B|r0"]
    for group in ("run", "task:run"):
        assert [kept.coords[group][i] for i in kept.index[group]] == labels(kept.frame, group).tolist()


def test_cells_of_runs_with_levels_of_their_own():
    """A run's name has its family in it, so that cells are not taken apart at the bars."""
    pooling = {"A_ref": {"run": "none", "run:task": "partial"}, "E": "complete"}
    frame = curves(task=np.tile(["s", "t"], 15))
    noise = {"run_effect": False, "observation": "normal"}
    model = build(*encode(m2(groups=["run", "task"], pooling=pooling, noise=noise), frame))
    assert model.dim_lengths["run:task"].eval() == 6


# ---- paths of a discrepancy --------------------------------------------------------------------


@pytest.mark.parametrize("noise", ["normal", "student_t"])
def test_one_path_for_the_whole_table(noise):
    spec = m2(noise={"observation": noise, "discrepancy": {"kind": "ou", "by": "all"}})
    settled, rows = encode(spec, curves())
    assert rows.paths.levels == ["all"]
    again, rows = encode(settled, curves())
    assert again.noise == settled.noise, "settled again it is not by run"
    assert rows.paths.levels == ["all"]


def test_a_table_without_runs_has_one_path():
    settled, rows = encode(m2(noise={"discrepancy": "ou"}), curves().iloc[:10].drop(columns="run"))
    assert settled.noise.discrepancy.by == "all"
    assert rows.paths.levels == ["all"]


@pytest.mark.parametrize("noise", ["normal", "student_t"])
def test_effects_of_the_discrepancy_do_not_vary_along_a_path(noise):
    pooling = {"E": "complete", "A_ref": "complete", "discrepancy_sd": {"task": "partial"}}
    frame = curves(task=np.tile(["s", "t"], 15))
    spec = m2(groups=["family", "task"], pooling=pooling,
              noise={"observation": noise, "discrepancy": {"kind": "ou", "by": "run"}})  # fmt: skip
    with pytest.raises(DataError, match="discrepancy_sd has effects of task, which varies along a path"):
        encode(spec, frame)
    along = replace(spec, pooling={**spec.pooling, "discrepancy_sd": {"family": "partial"}})
    assert encode(along, frame)[1].paths.index["family"].tolist() == [0, 0, 1]
