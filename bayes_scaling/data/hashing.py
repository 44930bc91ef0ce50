"""The hash that ties a fit to the table it was made from."""

from __future__ import annotations

import hashlib
import json

import pandas as pd


def data_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a table's content.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any table. The order of its rows counts; the order of its columns and
        its index do not.

    Returns
    -------
    str
        64 hexadecimal digits, the same in every process and on every platform:
        numbers enter by the shortest text that gives back the same float64.
    """
    digest = hashlib.sha256()
    for name in sorted(frame.columns, key=str):
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            kind = "number"
            numbers = column.to_numpy(dtype="float64", na_value=float("nan"))
            # Adding 0.0 turns -0.0 into 0.0: the two compare equal, so they must hash equal.
            values: list[str | None] = [repr(float(v) + 0.0) for v in numbers]
        else:
            kind = "text"
            missing = column.isna()
            values = [None if m else str(v) for v, m in zip(column, missing, strict=True)]
        digest.update(json.dumps([str(name), kind, values]).encode())
    return digest.hexdigest()
