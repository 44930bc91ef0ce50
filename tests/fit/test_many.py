"""Many fits: compiled once, resumed, and every job either there or a named gap."""

import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import simulated
import xarray as xr

from bayes_scaling.data import data_hash
from bayes_scaling.errors import FitError, ForecastError
from bayes_scaling.fit import Fit, Job, SamplerSettings, crew, gaps, many, many_fits
from bayes_scaling.fit import kept as between_fits
from bayes_scaling.fit.folder import MANIFEST, pack, unpack
from bayes_scaling.fit.subset import fitted_levels, positions, subset
from bayes_scaling.forecasts import forecast
from bayes_scaling.model import encode, make_spec, simulate

SHORT = SamplerSettings(draws=30, tune=60, chains=2)


@pytest.fixture
def known(monkeypatch, spec, ladder, sampler):
    """The settled specification and rows of `sampler`, which many fits find compiled."""
    settled, rows = encode(spec, ladder)
    monkeypatch.setattr(between_fits, "_SAMPLERS", {between_fits.structure(settled, rows): sampler})
    return settled, rows


def jobs_of(known, names="abcd", **options):
    settled, rows = known
    masks = {n: np.arange(len(rows)) % 6 != i for i, n in enumerate(names)}
    return [Job(n, settled, rows, SHORT, i, chosen=masks[n], **options) for i, n in enumerate(names)]


def mean_floor(fit, job):
    return {"E": float(fit.values()["E"].mean()), "rows": len(fit.frame), "held": len(job.held_out())}


def here(jobs, reduce=mean_floor, **options):
    return list(many_fits(jobs, reduce, workers=0, progressbar=False, **options))


# ---- rows and levels ------------------------------------------------------------------------


def test_a_fit_of_some_rows_is_the_fit_of_these_rows_alone(known, spec, ladder, sampler):
    mask = np.arange(len(ladder)) % 3 != 0
    fit = many.fit_job(Job("one", *known, SHORT, 5, chosen=mask))
    alone = encode(spec, ladder[mask])[1]
    tree = sampler.sample(SHORT, seed=5, rows=alone)
    np.testing.assert_array_equal(fit.idata["posterior"]["E"], tree["posterior"]["E"])
    assert fit.meta["data_hash"] == data_hash(alone.frame) == data_hash(fit.frame)
    assert len(fit.frame) == len(fit.rows) == mask.sum()
    assert fit.meta["left_out"] == {"not chosen for this fit": int((~mask).sum())}


def test_a_level_without_rows_is_not_fitted(known, ladder):
    fit = many.fit_job(Job("no cats", *known, SHORT, 5, chosen=(ladder["family"] != "cat").to_numpy()))
    assert fit.coords == {"family": ["ant", "bee"]}
    assert fit.idata["posterior"]["E_family_effect"].sizes["family"] == 2
    np.testing.assert_array_equal(fit.rows.index["family"], np.repeat([0, 1], 12))
    point = {"family": "cat", "params": 1e10, "tokens": 1e11}
    with pytest.raises(ForecastError, match="'cat' was not fitted"):
        forecast(fit, point)
    new = forecast(fit, point, new_groups="population").table
    assert set(new["new_levels"]) == {"family"}


def test_rows_that_repeat_and_nameless_runs():
    frame = simulated.benchmarks(runs=3)
    frame.loc[frame["run"] == "bee-1", "run"] = ""
    settled, rows = encode(simulated.crossed_spec(), frame)
    where = np.array([17, 17, 9, 8, 8, 0, 1, 5])  # 8 and 9 are nameless
    part = subset(rows, where)
    assert part.coords == rows.coords
    np.testing.assert_array_equal(part.index["run"], rows.index["run"][where])
    levels = {g: len(v) for g, v in rows.coords.items()}
    values = simulate.prior_values(settled, levels, 4, np.random.default_rng(0))
    posterior = xr.Dataset(
        {"run_effect": (("chain", "draw", "run"), values["run_effect"][None])}, coords={"run": rows.coords["run"]}
    )
    kept, posterior = fitted_levels(settled, part, posterior)
    assert set(kept.coords["run"]) == {"cat|cat-2", "bee|row 8", "bee|row 9", "ant|ant-0", "ant|ant-2"}
    labels = [kept.coords["run"][i] for i in kept.index["run"]]
    assert labels[:5] == ["cat|cat-2", "cat|cat-2", "bee|row 9", "bee|row 8", "bee|row 8"]
    np.testing.assert_array_equal(
        posterior["run_effect"].values[0][:, kept.index["run"]], values["run_effect"][:, part.index["run"]]
    )
    read_back = Fit(posterior, settled, kept.frame, {"coords": kept.coords, "left_out": {}, "notices": []}).rows
    np.testing.assert_array_equal(read_back.index["run"], kept.index["run"])


def test_a_path_without_rows_is_not_fitted():
    """Paths of a discrepancy and what they say of groups follow the levels that have rows."""
    scale = np.geomspace(1e19, 1e22, 6)
    frame = pd.concat(
        pd.DataFrame({"family": f, "run": r, "compute": scale, "loss": 3 - 0.1 * np.arange(6)})
        for f, r in (("a", "one"), ("b", "two"), ("b", "three"))
    )
    noise = {"discrepancy": {"kind": "ou", "by": "run"}, "observation": "student_t"}
    pooling = {"E": {"family": "partial"}, "A_ref": "complete", "discrepancy_sd": {"family": "partial"}}
    settled, rows = encode(make_spec("power_law", groups=["family"], pooling=pooling, noise=noise), frame)
    part = subset(rows, (rows.frame["run"] != "one").to_numpy())
    assert part.paths is rows.paths
    values = np.arange(18.0).reshape(1, 1, 3, 6)
    posterior = xr.Dataset(
        {"discrepancy": (("chain", "draw", "path", "knot"), values)}, coords={"path": rows.coords["path"]}
    )
    kept, posterior = fitted_levels(settled, part, posterior)
    assert kept.coords == {"family": ["b"], "path": ["b|three", "b|two"]}
    assert kept.paths.levels == kept.coords["path"]
    assert kept.paths.index["family"].tolist() == [0, 0]
    assert kept.paths.knots.shape == (2, 6)
    where = [rows.coords["path"].index(p) for p in kept.paths.levels]
    np.testing.assert_array_equal(posterior["discrepancy"], values[:, :, where])
    np.testing.assert_array_equal(kept.index["path"], kept.paths.codes(kept.frame))


@pytest.mark.parametrize(
    ("chosen", "hint"),
    [([True, False], r"shape \(2,\); expected \(4,\)"), ([False] * 4, "none of 4 rows"), ([0, 4], "from 0 to 3")],
)
def test_wrong_rows_are_refused(chosen, hint):
    with pytest.raises(FitError, match=hint):
        positions(chosen, 4)


# ---- one process ----------------------------------------------------------------------------


def test_compiled_once_per_structure(monkeypatch, known, sampler):
    compiled = []
    monkeypatch.setattr(between_fits, "Sampler", lambda spec, rows: compiled.append(len(rows)) or sampler)
    monkeypatch.setattr(between_fits, "_SAMPLERS", {})
    found = here(jobs_of(known))
    assert compiled == [36], "compiled on the full table, once"
    assert [r.name for r in found] == list("abcd")
    assert [r.value["rows"] for r in found] == [30] * 4
    assert found[0].value["E"] != found[1].value["E"]
    assert {"rhat", "ess_bulk", "divergences", "ok", "warning"} <= set(found[0].diagnostics)
    assert not found[0].diagnostics["ok"], "30 draws are too few, and the result says so"
    assert "NOT USABLE" in found[0].diagnostics["warning"]


def test_what_raises_is_tried_again_and_then_a_named_gap(known):
    calls = []

    def reduce(fit, job):
        calls.append(job.name)
        if job.name == "b" or (job.name == "c" and calls.count("c") == 1):
            raise ValueError("no luck")
        return 1.0

    found = {r.name: r for r in here(jobs_of(known), reduce)}
    assert calls == ["a", "b", "c", "d", "b", "c"], "the others first"
    assert found["c"].value == 1.0
    assert found["c"].attempts == 2
    assert found["b"].missing
    assert found["b"].value is None
    assert gaps(found.values()).keys() == {"b"}
    assert "ValueError: no luck (test_many.py line" in gaps(found.values())["b"]


def test_a_rerun_samples_nothing(known, tmp_path, monkeypatch):
    def reduce(fit, job):
        return pd.DataFrame({"n": [len(fit.frame), 2], "x": [0.1, np.nan], "who": ["a", None], "ok": [True, False]})

    first = here(jobs_of(known), reduce, folder=tmp_path / "out")
    monkeypatch.setattr(many, "fit_job", lambda *a, **k: pytest.fail("sampled again"))
    again = here(jobs_of(known), reduce, folder=tmp_path / "out")
    assert [r.attempts for r in again] == [0] * 4
    for one, other in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one.value, other.value)
        assert one.diagnostics == other.diagnostics
    assert [str(t) for t in first[0].value.dtypes] == ["int64", "float64", "str", "bool"]
    assert not list((tmp_path / "out").glob(".*")), "no temporary file is left"


def test_only_what_is_missing_is_fitted(known, tmp_path):
    here(jobs_of(known, "ab"), folder=tmp_path)
    found = here(jobs_of(known, "abcd"), folder=tmp_path)
    assert [r.attempts for r in found] == [0, 0, 1, 1]


def test_a_gap_is_not_kept(known, tmp_path):
    def broken(fit, job):
        raise ValueError

    assert here(jobs_of(known, "a"), broken, folder=tmp_path)[0].missing
    assert here(jobs_of(known, "a"), folder=tmp_path)[0].attempts == 1


def test_an_interrupt_leaves_what_is_finished(known, tmp_path):
    pressed = []

    def reduce(fit, job):
        if job.name == "c" and not pressed:
            pressed.append("Ctrl-C")
            raise KeyboardInterrupt
        return job.name

    arrived = []
    with pytest.raises(KeyboardInterrupt):
        arrived.extend(many_fits(jobs_of(known), reduce, workers=0, progressbar=False, folder=tmp_path))
    assert [r.attempts for r in here(jobs_of(known), reduce, folder=tmp_path)] == [0, 0, 1, 1]


@pytest.fixture
def kept(known, tmp_path):
    """A folder with one result."""
    here(jobs_of(known, "a"), folder=tmp_path / "kept")
    return tmp_path / "kept"


def test_a_folder_of_another_card_or_table_is_refused(known, kept, ladder, spec):
    settled, rows = known
    other = make_spec("power_law")
    with pytest.raises(FitError, match=r'kept holds results of another card.*model.law is "chinchilla" there and "pow'):
        here([Job("a", other, rows, SHORT, 0)], folder=kept)
    changed = encode(spec, ladder.assign(loss=ladder["loss"] + 0.1))[1]
    with pytest.raises(FitError, match="kept holds results of another card or other data: data_hash is"):
        here([Job("z", settled, changed, SHORT, 0)], folder=kept)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"seed": 9}, "seed is 0 there and 9 here"),
        ({"settings": SamplerSettings(40, 60, 2)}, "settings.draws is 30 there and 40 here"),
        ({"chosen": None}, "chosen is"),
        ({"about": {"levels": [0.9]}}, "about.levels is null there"),
    ],
)
def test_a_result_made_otherwise_is_refused(known, kept, change, hint):
    with pytest.raises(FitError, match=hint):
        here([replace(jobs_of(known, "a")[0], **change)], folder=kept)


def test_a_folder_of_other_files_is_refused(known, tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(FitError, match=r"holds other files \(thesis.tex\)"):
        here(jobs_of(known), folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_result_is_named(known, kept):
    next(kept.glob("result-*.json")).write_text("{")
    with pytest.raises(FitError, match=r"result-a.json cannot be read.*delete it"):
        here(jobs_of(known, "a"), folder=kept)
    manifest = json.loads((kept / MANIFEST).read_text())
    assert manifest["results_of"][0]["model"]["law"] == "chinchilla"


def test_names_are_unique_and_workers_a_number(known):
    with pytest.raises(FitError, match="used twice: a"):
        here([*jobs_of(known, "a"), *jobs_of(known, "a")])
    with pytest.raises(FitError, match="0 jobs"):
        here([])
    with pytest.raises(FitError, match="workers = -1"):
        list(many_fits(jobs_of(known), mean_floor, workers=-1, progressbar=False))
    with pytest.raises(FitError, match="executor is a str"):
        list(many_fits(jobs_of(known), mean_floor, executor="dask", progressbar=False))


def test_results_must_be_plain(known):
    found = here(jobs_of(known, "a"), lambda fit, job: {1, 2})
    assert "reduce returned a set; expected a DataFrame, or what JSON holds" in found[0].reason


def test_packing_keeps_tables_and_numbers():
    value = {"table": pd.DataFrame({"a": [1, 2]}), "list": (np.float64(0.1), np.arange(2)), "none": None}
    back = unpack(json.loads(json.dumps(pack(value))))
    pd.testing.assert_frame_equal(back["table"], value["table"])
    assert back["list"] == [0.1, [0, 1]]
    assert back["none"] is None


def test_progress_is_told_or_silent(known, capsys):
    def reduce(fit, job):
        if job.name == "b":
            raise ValueError
        return 1

    list(many_fits(jobs_of(known), reduce, workers=0, title="fits of a test"))
    told = capsys.readouterr().err
    assert "fits of a test: 4 fits" in told
    assert "3 of 4 done, 1 MISSING" in told
    here(jobs_of(known))
    assert capsys.readouterr() == ("", "")


def test_another_table_of_the_same_structure(monkeypatch, known, spec):
    """Tables of one structure share a compiled model, of whatever length they are."""
    settled, rows = known
    other = Job.of_table("other", spec, simulated.ladder(per_family=9, seed=8), settings=SHORT, seed=0)
    assert between_fits.structure(other.spec, other.rows) == between_fits.structure(settled, rows)
    monkeypatch.setattr(many, "Sampler", lambda *a: pytest.fail("compiled again"))
    assert here([other])[0].value["rows"] == 27


def test_curves_nested_otherwise_are_of_another_structure():
    """A compiled model holds each curve's levels in its other groups fixed: they are part of what it depends on."""
    pooling = {"A_ref": {"corpus": "partial", "run": "partial"}, "E": "complete", "alpha": "complete"}
    noise = {"observation": "normal", "run_effect": False}
    spec = make_spec("m2", inputs={"scale": "tokens"}, groups=["corpus", "run"], pooling=pooling, noise=noise)
    scale = np.geomspace(1e8, 1e10, 12)

    def key(corpora):
        curves = [{"corpus": c, "run": f"r{i}", "tokens": t, "loss": 2.5} for i, c in enumerate(corpora) for t in scale]
        return between_fits.structure(*encode(spec, pd.DataFrame(curves)))

    assert key("aabb") == key("aabb")
    assert key("aabb") != key("abab")


# ---- other crews ----------------------------------------------------------------------------


def test_an_executor_of_ones_own_stays_open(known):
    class Client:  # as Dask's
        def __init__(self, pool):
            self.pool = pool

        def nthreads(self):
            return {"worker": 1}

        def get_executor(self):
            return self.pool

    with ThreadPoolExecutor(1) as pool:
        for executor in (pool, Client(pool)):
            found = list(many_fits(jobs_of(known), mean_floor, executor=executor, progressbar=False))
            assert [r.value["rows"] for r in found] == [30] * 4
        assert pool.submit(os.getpid).result() == os.getpid()


def test_processors_are_shared_out(monkeypatch, known):
    given = []

    class Counting(crew.Here):
        def __init__(self, width):
            self.width = width

        def start(self, call, job, reduce, cores):
            given.append(cores)
            done = Future()
            done.set_result(json.dumps({"value": 1, "diagnostics": {}, "seconds": 0.0}))
            return done

    monkeypatch.setattr(many, "cpus", lambda: 4)
    monkeypatch.setattr(many, "hire", lambda executor, workers, jobs: Counting(workers))
    for workers in (2, 4, 8):
        list(many_fits(jobs_of(known, "a"), mean_floor, workers=workers, progressbar=False))
    list(many_fits(jobs_of(known, "a"), mean_floor, workers=2, cores=3, progressbar=False))
    assert given == [2, 1, 1, 3]


def deadly(fit, job):
    """End the process: always in job `always`, in job `once` where it has not left its mark."""
    mark = Path(job.about["mark"])
    if job.name == "always":
        os._exit(3)
    if job.name == "once" and not mark.exists():
        mark.touch()
        os._exit(3)
    return {"alpha": float(fit.values()["alpha"].mean()), "process": os.getpid()}


def test_a_worker_that_dies(tmp_path):
    """Real processes: the others go on, one job succeeds at its second try, one is a named gap."""
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    settled, rows = encode(make_spec("m1"), frame)
    about = {"mark": str(tmp_path / "mark")}
    jobs = [Job(n, settled, rows, SHORT, i, about=about) for i, n in enumerate(("well", "once", "always"))]
    found = {r.name: r for r in many_fits(jobs, deadly, workers=2, folder=tmp_path / "out", progressbar=False)}
    assert set(found) == {"once", "always", "well"}
    assert found["once"].value["alpha"] > 0
    assert found["once"].attempts in (2, 3)  # its first end may be that of `always`
    assert found["well"].value["process"] != os.getpid()
    assert gaps(found.values()) == {"always": many.DIED}
    assert len(list((tmp_path / "out").glob("result-*.json"))) == 2
