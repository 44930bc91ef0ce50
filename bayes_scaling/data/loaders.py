"""Tables ready to fit: the public datasets by name, and files of the user's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from bayes_scaling.data import (
    datablations,
    discrepancies,
    emergence,
    epoch,
    gemstones,
    hitchhiker,
    inference,
    inverse,
    leaderboards,
    learning_curves,
    mixtures,
    observational,
    overtraining,
    parscale,
    published,
    repeated,
    routing,
    sft,
    steplaw,
    vocab,
)
from bayes_scaling.data.columns import Column
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import dataset, fetch
from bayes_scaling.data.validate import check_runs
from bayes_scaling.errors import DataError, listed


def load_chinchilla() -> pd.DataFrame:
    """Load the points that Besiroglu et al. (2024, arXiv:2404.10102) read from a figure.

    Returns
    -------
    pandas.DataFrame
        245 runs: family, run, params, compute, loss (nats), tokens (derived). The five with
        the highest loss, which that replication leaves out, are flagged ``high_loss_outlier``.
    """
    raw = pd.read_csv(fetch("chinchilla", "svg_extracted_data.csv"))
    frame = pd.DataFrame(
        {
            "family": "Chinchilla",
            "run": [f"point-{i:03d}" for i in range(1, len(raw) + 1)],
            "params": raw["Model Size"],
            "compute": raw["Training FLOP"],
            "loss": raw["loss"],
        }
    )
    highest = frame["loss"].rank(ascending=False, method="first") <= 5
    return check_runs(add_flag(frame, highest, "high_loss_outlier"), require=("params", "tokens", "loss"))


LOADERS: dict[str, Callable[[], pd.DataFrame]] = {
    "chinchilla": load_chinchilla,
    "overtraining": overtraining.load_overtraining,
    "overtraining_losses": overtraining.load_overtraining_losses,
    "observational": observational.load_observational,
    "curves": learning_curves.load_curves,
    "published_models": published.load_published_models,
    "sloth": leaderboards.load_sloth,
    "observational_emergent": observational.load_emergent,
    "observational_leaderboard_v2": observational.load_leaderboard_v2,
    "observational_post_training": observational.load_post_training,
    "observational_instruct": observational.load_instruct,
    "observational_agents": observational.load_agents,
    "epoch": epoch.load_epoch,
    "discrepancies": discrepancies.load_discrepancies,
    "gemstones": gemstones.load_gemstones,
    "steplaw": steplaw.load_steplaw,
    "hitchhiker": hitchhiker.load_hitchhiker,
    "datablations": datablations.load_datablations,
    "parscale": parscale.load_parscale,
    "vocab": vocab.load_vocab,
    "sft": sft.load_sft,
    "routing": routing.load_routing,
    "mixtures": mixtures.load_mixtures,
    "mixtures_five": mixtures.load_mixtures_five,
    "repeated": repeated.load_repeated,
    "inference": inference.load_inference,
    "inverse": inverse.load_inverse,
    "emergence": emergence.load_emergence,
}


def load_dataset(name: str) -> pd.DataFrame:
    """Load a dataset of the catalogue as a checked table in our vocabulary.

    Parameters
    ----------
    name : str
        Name in the catalogue, such as ``"chinchilla"``; ``list_datasets()`` gives all.

    Returns
    -------
    pandas.DataFrame
        Tidy table that has passed :func:`~bayes_scaling.data.check_runs`. The traps of a
        dataset are in ``dataset(name).notes``; further columns are described by its loader.

    Raises
    ------
    DataError
        If there is no dataset of that name.
    DownloadError
        If a file cannot be had, or is not the expected one.
    """
    return LOADERS[dataset(name).name]()


def _read_tsv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t")


# The json module and not pandas' reader, which guesses dates and types.
def _read_jsonl(path: Path) -> pd.DataFrame:
    lines = path.read_text(encoding="utf-8").splitlines()
    return pd.DataFrame([json.loads(line) for line in lines if line.strip()])


def _read_json(path: Path) -> pd.DataFrame:
    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".tsv": _read_tsv,
    ".parquet": pd.read_parquet,
    ".jsonl": _read_jsonl,
    ".json": _read_json,
}


def _with_lines(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the table with rows that say their line of the file, where every line is a row."""
    if path.suffix.lower() in (".csv", ".tsv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) == len(frame) + 1:
            return frame.set_axis([f"{i} (line {i + 2} of the file)" for i in range(len(frame))])
    return frame


def read_table(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    loss_unit: str = "nats",
    bytes_per_token: float | None = None,
    require: Iterable[str] = (),
    further: Iterable[Column] = (),
) -> pd.DataFrame:
    """Read a file of the user's own runs and check it.

    Parameters
    ----------
    path : str or pathlib.Path
        File with a header: ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl`` or ``.json`` (a list of records).
    columns : mapping of str to str, optional
        Names, as ``{"theirs": "ours"}``.
    loss_unit : {"nats", "bits", "perplexity", "bits_per_byte"}, optional
        Unit of the column ``loss``.
    bytes_per_token : float, optional
        Mean bytes of text per token, for ``bits_per_byte``.
    require : iterable of str, optional
        Columns that must be there without a gap.
    further : iterable of Column, optional
        Further columns, as a law declares them.

    Returns
    -------
    pandas.DataFrame
        Checked table, see :func:`~bayes_scaling.data.check_runs`.

    Raises
    ------
    DataError
        If the file cannot be read, or its table cannot be used.
    """
    path = Path(path).expanduser()
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path} ends in {path.suffix or 'nothing'!r}; expected one of {listed(_READERS)}. "
            f"For another format make a pandas.DataFrame and pass it to check_runs."
        )
    if not path.is_file():
        taken = "" if path.is_absolute() else f"; the path is taken from the working folder {Path.cwd()}"
        raise DataError(f"There is no file {path}{taken}. Check the path.")
    try:
        frame = _with_lines(reader(path), path)
    except ImportError as error:
        raise DataError(f"Reading {path} needs a further package: {error}. Install it: pip install pyarrow") from error
    except (ValueError, OSError) as error:  # pandas' parser errors and wrong encodings are ValueErrors
        raise DataError(
            f"{path} could not be read as {path.suffix} ({error}). Expected a table with a header, in UTF-8."
        ) from error
    return check_runs(
        frame,
        columns=columns,
        loss_unit=loss_unit,
        bytes_per_token=bytes_per_token,
        require=require,
        further=further,
    )
