"""The catalogue of public datasets, and the one way to a file of theirs: mirror, cache, download.

Every file is checked against its SHA-256 before it is used. Facts are in ``registry.toml``.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bayes_scaling.errors import DataError, DownloadError, did_you_mean, listed

HERE = Path(__file__).parent
MIRROR_VARIABLE = "BAYES_SCALING_DATA"
CACHE_VARIABLE = "BAYES_SCALING_CACHE"
ADDRESS = "https://raw.githubusercontent.com/{repository}/{commit}/{upstream}"


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset.

    Parameters
    ----------
    path : str
        Path below the dataset's folder, in a mirror and in the cache.
    sha256 : str
        Expected hash, hexadecimal.
    url : str or None
        Public address at a pinned commit; None for a file that exists in mirrors only.
    """

    path: str
    sha256: str
    url: str | None


@dataclass(frozen=True)
class Dataset:
    """Facts about one dataset.

    Parameters
    ----------
    name, title : str
        Short and full name.
    rows : int
        Rows of the table that ``load_dataset`` returns.
    licence : str
        As the source states it.
    citation : str
        Authors, year, title, arXiv identifier, as far as there are any.
    repository, commit : str or None
        Public origin; None for embedded data.
    notes : tuple of str
        Traps found by looking at the data.
    embedded : bool
        Whether the data come with the package.
    files : tuple of DataFile
        What the loader reads first.
    fallback : tuple of DataFile
        Public files that give the same table.
    part_of : str
        Dataset in whose folder of a mirror or the cache the files are; empty where it has its own.
    """

    name: str
    title: str
    rows: int
    licence: str
    citation: str
    repository: str | None
    commit: str | None
    notes: tuple[str, ...]
    embedded: bool
    files: tuple[DataFile, ...]
    fallback: tuple[DataFile, ...]
    part_of: str = ""

    @property
    def folder(self) -> str:
        """Name of the folder of its files, in a mirror and in the cache."""
        return self.part_of or self.name


def _citation(entry: dict[str, Any]) -> str:
    head = entry.get("authors", "")
    if "year" in entry:
        head = f"{head} ({entry['year']})".strip()
    parts = [head, entry["title"]] + ([f"arXiv:{entry['arxiv']}"] if "arxiv" in entry else [])
    return ". ".join(part.rstrip(".") for part in parts if part) + "."


def _address(entry: dict[str, Any], upstream: str | None) -> str | None:
    if upstream is None:
        return None
    return ADDRESS.format(repository=entry["repository"], commit=entry["commit"], upstream=upstream)


def _dataset(name: str, entry: dict[str, Any]) -> Dataset:
    fallback: tuple[DataFile, ...] = ()
    if "fallback" in entry:
        listing = tomllib.loads((HERE / entry["fallback"]).read_text(encoding="utf-8"))
        fallback = tuple(
            DataFile(path, sha256, _address(entry, f"{listing['upstream']}/{path}"))
            for path, sha256 in listing["sha256"].items()
        )
    return Dataset(
        name=name,
        title=entry["title"],
        rows=entry["rows"],
        licence=entry["licence"],
        citation=_citation(entry["citation"]),
        repository=entry.get("repository"),
        commit=entry.get("commit"),
        notes=tuple(entry["notes"]),
        embedded=entry.get("embedded", False),
        files=tuple(DataFile(f["path"], f["sha256"], _address(entry, f.get("upstream"))) for f in entry["file"]),
        fallback=fallback,
        part_of=entry.get("part_of", ""),
    )


@cache
def catalogue() -> dict[str, Dataset]:
    """Return all datasets by name.

    Returns
    -------
    dict of str to Dataset
        The catalogue; treat it as read-only.
    """
    entries = tomllib.loads((HERE / "registry.toml").read_text(encoding="utf-8"))
    # A part has repository, licence and citation of the whole, unless it states its own.
    return {name: _dataset(name, {**entries.get(entry.get("part_of"), {}), **entry}) for name, entry in entries.items()}


def dataset(name: str) -> Dataset:
    """Return the facts about one dataset.

    Parameters
    ----------
    name : str
        Name in the catalogue.

    Returns
    -------
    Dataset
        Its facts.

    Raises
    ------
    DataError
        If there is no dataset of that name.
    """
    known = catalogue()
    if name not in known:
        raise DataError(
            f"Dataset {name!r} is not in the catalogue.{did_you_mean(name, known)} "
            f"Datasets: {listed(known, 40)}. For a table of your own use read_table(path)."
        )
    return known[name]


def mirror_folder() -> Path | None:
    """Return the folder that BAYES_SCALING_DATA names, or None where it is not set.

    Returns
    -------
    pathlib.Path or None
        The mirror, which need not exist.
    """
    named = os.environ.get(MIRROR_VARIABLE, "").strip()
    return Path(named).expanduser() if named else None


def cache_folder() -> Path:
    """Return the folder of downloaded files: BAYES_SCALING_CACHE, or the user's cache.

    Returns
    -------
    pathlib.Path
        The cache, which need not exist yet.
    """
    named = os.environ.get(CACHE_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    # What pooch.os_cache does, without the import of pooch, which the command line would wait for.
    import platformdirs

    return Path(platformdirs.user_cache_dir("bayes_scaling"))


def in_mirror(folder: str, path: str) -> bool:
    """Tell whether the mirror holds a file; its hash is not looked at.

    Parameters
    ----------
    folder : str
        Folder of the dataset.
    path : str
        File, below that folder.

    Returns
    -------
    bool
        True where the mirror is set and has the file.
    """
    mirror = mirror_folder()
    return mirror is not None and (mirror / folder / path).is_file()


def _at_hand(entry: Dataset, files: tuple[DataFile, ...]) -> bool:
    cached = cache_folder() / entry.folder
    return bool(files) and all(in_mirror(entry.folder, f.path) or (cached / f.path).is_file() for f in files)


def list_datasets() -> list[dict[str, Any]]:
    """List the datasets that ``load_dataset`` knows.

    Returns
    -------
    list of dict
        For each: ``name``, ``title``, ``rows``, ``licence``, ``citation`` and
        ``available_offline`` (embedded, or every file it needs is in the mirror or the cache).
    """
    return [
        {
            "name": entry.name,
            "title": entry.title,
            "rows": entry.rows,
            "licence": entry.licence,
            "citation": entry.citation,
            "available_offline": entry.embedded or _at_hand(entry, entry.files) or _at_hand(entry, entry.fallback),
        }
        for entry in catalogue().values()
    ]


def fetch(dataset_name: str, path: str) -> Path:
    """Return a local copy of a dataset's file: from the mirror, the cache or the network.

    Parameters
    ----------
    dataset_name : str
        Name in the catalogue.
    path : str
        File, below the dataset's folder.

    Returns
    -------
    pathlib.Path
        File whose SHA-256 is the expected one.

    Raises
    ------
    DataError
        If the catalogue has no such dataset or file.
    DownloadError
        If the file cannot be had, or is not the expected one.
    """
    entry = dataset(dataset_name)
    files = {f.path: f for f in (*entry.files, *entry.fallback)}
    if path not in files:
        raise DataError(
            f"Dataset {dataset_name!r} has no file {path!r}.{did_you_mean(path, files)} Files: {listed(files)}"
        )
    if entry.embedded:
        return _verified(HERE / path, files[path])
    if in_mirror(entry.folder, path):
        return _verified(Path(mirror_folder() or "") / entry.folder / path, files[path])
    return _download(entry, files[path])


def _verified(local: Path, file: DataFile) -> Path:
    with local.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        raise DownloadError(
            f"{local} is not the expected file: expected SHA-256 {file.sha256}, found {found}. "
            f"The file is not used. Replace it by the public one" + (f": {file.url}" if file.url else ", or remove it.")
        )
    return local


def _no_mirror(name: str, path: str) -> str:
    """Say how to point to a mirror, or what the one that is set lacks."""
    mirror = mirror_folder()
    if mirror is None:
        return (
            f"To work offline set {MIRROR_VARIABLE}=/path/to/folder to a mirror that holds "
            f"<folder>/<dataset>/<file>, here <folder>/{name}/{path}."
        )
    missing = "does not exist" if not mirror.is_dir() else f"has no file {name}/{path}"
    return (
        f"The mirror {MIRROR_VARIABLE}={mirror} {missing}; "
        f"its layout is <folder>/<dataset>/<file>, here <folder>/{name}/{path}."
    )


def _reason(error: OSError, url: str) -> str:
    """Return what went wrong in a download in a few words, without the chain of a network library's errors."""
    host = urlsplit(url).hostname or url
    told = str(error).splitlines()[0] if str(error) else ""
    name = type(error).__name__
    if "Connection" in name or "Timeout" in name or "Proxy" in name or "SSL" in name or len(told) > 120:
        return f"no connection to {host} ({name})"
    return f"{host}: {told or name}"


def _download(entry: Dataset, file: DataFile) -> Path:
    import pooch  # 0.15 s with what it imports; what lies on the disk does not need it

    hint = _no_mirror(entry.folder, file.path)
    if file.url is None:
        raise DownloadError(f"{entry.name}/{file.path} has no public address. {hint}")
    local = cache_folder() / entry.folder / file.path
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # a dataset can be two hundred files, and pooch would announce each
    try:
        pooch.retrieve(file.url, known_hash=f"sha256:{file.sha256}", fname=local.name, path=local.parent)
    except ValueError as error:
        raise DownloadError(
            f"{file.url} is not the expected file: {error}. Expected SHA-256 {file.sha256}. "
            f"The file is not used. {hint}"
        ) from error
    except OSError as error:  # requests' errors are OSErrors too
        raise DownloadError(
            f"Could not download {file.url}: {_reason(error, file.url)}. Check the network and try again. {hint}"
        ) from None  # the chain behind it is long and says no more
    finally:
        logger.setLevel(level)
    return local
