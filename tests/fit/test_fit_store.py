"""A saved fit is the same fit; a file that is not one is refused; a failing save leaves nothing."""

import numpy as np
import pandas as pd
import pytest
import simulated
import xarray as xr

from bayes_scaling.errors import FitError
from bayes_scaling.fit import Fit, load
from bayes_scaling.forecasts import forecast
from bayes_scaling.model import make_spec


@pytest.fixture(scope="session")
def saved(fit, tmp_path_factory):
    """A good file."""
    return fit.save(tmp_path_factory.mktemp("saved") / "fit.nc")


def assert_same(a, b):
    left, right = a.values(), b.values()
    assert set(left) == set(right)
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
    pd.testing.assert_frame_equal(a.frame, b.frame)
    assert a.spec.as_dict() == b.spec.as_dict()
    assert a.spec.law.reference == b.spec.law.reference
    assert dict(a.meta) == dict(b.meta)


def test_round_trip(fit, saved):
    again = load(saved)
    assert_same(fit, again)
    points = {"family": ["ant", "cat"], "params": 1e11, "tokens": 2e12}
    np.testing.assert_array_equal(forecast(fit, points).draws, forecast(again, points).draws)
    pd.testing.assert_frame_equal(fit.diagnose().table(), again.diagnose().table())


def test_round_trip_of_crossed_groups_gaps_and_text(tmp_path):
    frame = simulated.benchmarks().assign(note="Ω – ünïcode", known=True)
    frame.loc[2, "note"] = None
    frame["spare"] = np.where(np.arange(len(frame)) % 2, np.nan, 1.5)
    fit = simulated.fit_of(simulated.crossed_spec(), frame)
    assert_same(fit, load(fit.save(tmp_path / "crossed.nc")))


def test_round_trip_of_priors_reference_and_no_groups(tmp_path, ladder):
    spec = make_spec("kaplan", reference={"params": 1e8}, priors={"nu": {"dist": "gamma", "alpha": 2, "beta": 0.2}})
    fit = simulated.fit_of(spec, ladder.drop(columns="family"))
    assert_same(fit, load(fit.save(tmp_path / "plain.nc")))


def test_suffix_and_folder_are_made(fit, tmp_path):
    path = fit.save(tmp_path / "new" / "folder" / "fit")
    assert path == tmp_path / "new" / "folder" / "fit.nc"
    assert path.is_file()
    assert load(path).title == fit.title


def test_a_dotted_name_keeps_its_name(fit, tmp_path):
    path = fit.save(tmp_path / "run.v1.nc")
    assert path.name == "run.v1.nc"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FitError, match=r"no saved fit at .*nowhere\.nc"):
        load(tmp_path / "nowhere.nc")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(saved, tmp_path, share):
    whole = saved.read_bytes()
    part = tmp_path / "part.nc"
    part.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FitError, match="damaged"):
        load(part)


def test_a_file_that_is_no_netcdf_is_refused(tmp_path):
    text = tmp_path / "fit.nc"
    text.write_text("family,params\na,1\n" * 100)
    with pytest.raises(FitError, match="damaged or not a saved fit"):
        load(text)


def test_a_foreign_netcdf_is_refused(tmp_path):
    xr.Dataset({"t": ("x", [1.0, 2.0])}).to_netcdf(tmp_path / "weather.nc", engine="netcdf4")
    with pytest.raises(FitError, match="not a fit of this package"):
        load(tmp_path / "weather.nc")


def rewritten(saved, path, change):
    """Write a saved file again with its tree changed."""
    with xr.open_datatree(saved, engine="netcdf4") as opened:
        tree = opened.load()
    tree = change(tree)
    tree.to_netcdf(path, engine="netcdf4")
    return path


def with_attribute(name, value):
    def change(tree):
        tree.attrs[name] = value
        return tree

    return change


def without(part):
    def change(tree):
        kept = {k: v.to_dataset() for k, v in tree.children.items() if k != part}
        new = xr.DataTree.from_dict(kept)
        new.attrs = {k: v for k, v in tree.attrs.items() if k != part}
        return new

    return change


def other_loss(tree):
    name = max(tree["runs"].data_vars)
    runs = tree["runs"].to_dataset()
    for name in runs:
        if runs[name].dtype.kind == "f":
            runs[name] = runs[name] * 1.01
    tree["runs"] = xr.DataTree(runs)
    return tree


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_loss, "hash"),
        (without("posterior"), "damaged"),
        (without("runs"), "damaged"),
        (without("spec"), "damaged"),
        (without("meta"), "damaged"),
        (with_attribute("spec", "{not json"), "damaged"),
        (with_attribute("format_version", "99"), "update bayes-scaling"),
        (with_attribute("spec", '{"law": "unheard_of"}'), "unheard_of"),
    ],
    ids=["changed rows", "no posterior", "no runs", "no spec", "no meta", "bad json", "newer", "unknown law"],
)
def test_a_changed_file_is_refused(saved, tmp_path, change, message):
    with pytest.raises(FitError, match=message):
        load(rewritten(saved, tmp_path / "changed.nc", change))


def test_a_fit_of_a_law_that_has_grown_is_refused(fit, tmp_path):
    draws = fit.idata["posterior"].to_dataset().drop_vars("alpha")
    parts = {"posterior": draws, "sample_stats": fit.idata["sample_stats"].to_dataset()}
    older = Fit(xr.DataTree.from_dict(parts), fit.spec, fit.frame, fit.meta)
    path = older.save(tmp_path / "older.nc")
    with pytest.raises(FitError, match=r"no draws of alpha.*Fit again"):
        load(path)


def test_an_unchanged_rewrite_is_read(saved, tmp_path, fit):
    assert_same(fit, load(rewritten(saved, tmp_path / "same.nc", lambda tree: tree)))


def test_flipped_bytes_never_change_draws_unnoticed(fit, saved, tmp_path):
    whole, path = bytearray(saved.read_bytes()), tmp_path / "flipped.nc"
    unnoticed = []
    for share in np.linspace(0.05, 0.95, 40):
        data, at = whole.copy(), int(len(whole) * share)
        data[at] ^= 0xFF
        path.write_bytes(data)
        try:
            again = load(path)
        except FitError:
            continue
        same = all(np.array_equal(v, again.values()[k]) for k, v in fit.values().items())
        if not same:
            unnoticed.append(at)
    assert not unnoticed, "the draws need a checksum (netCDF4: fletcher32)"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("existing", [False, True], ids=["new", "over an old file"])
def test_a_failing_save_leaves_no_file_and_harms_none(fit, tmp_path, monkeypatch, error, existing):
    target = tmp_path / "fit.nc"
    if existing:
        target.write_bytes(b"the old fit")

    def half_written(self, path, **kwargs):
        with open(path, "wb") as file:
            file.write(b"half a fit")
        raise error

    monkeypatch.setattr(xr.DataTree, "to_netcdf", half_written)
    with pytest.raises(type(error)):
        fit.save(target)
    left = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert left == ({"fit.nc": b"the old fit"} if existing else {})
