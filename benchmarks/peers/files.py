"""Where a file of a public dataset lies: through the catalogue where it lists the file, else in the mirror."""

from __future__ import annotations

from pathlib import Path

from bayes_scaling.data import catalogue, fetch
from bayes_scaling.data.registry import mirror_folder


def local(dataset: str, file: str) -> Path:
    """Return a local copy of a file.

    Raises
    ------
    FileNotFoundError
        Where the catalogue does not list the file and there is no mirror that holds it.
    """
    entry = catalogue().get(dataset)
    if entry is not None and any(file == known.path for known in (*entry.files, *entry.fallback)):
        return fetch(dataset, file)
    folder = mirror_folder()
    path = Path(folder or "") / dataset / file
    if folder is None or not path.is_file():
        raise FileNotFoundError(f"{dataset}/{file} is not in the catalogue; set BAYES_SCALING_DATA to a folder with it")
    return path
