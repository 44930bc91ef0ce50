"""Fixtures of the data tests: no test of this folder reaches the network or the user's cache."""

import pandas as pd
import pooch
import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """Make every download fail as it does without a network, and keep the cache in a temporary folder."""

    def unreachable(self, url, output_file, source, check_only=False):
        raise ConnectionError("name or service not known")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", unreachable)
    monkeypatch.setenv("BAYES_SCALING_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_mirror(monkeypatch):
    monkeypatch.delenv("BAYES_SCALING_DATA", raising=False)


@pytest.fixture
def runs() -> pd.DataFrame:
    """Three good runs of two families, with an index of its own."""
    return pd.DataFrame(
        {
            "family": ["a", "a", "b"],
            "params": [1e9, 2e9, 3e9],
            "tokens": [2e10, 4e10, 6e10],
            "loss": [3.0, 2.5, 2.25],
        },
        index=["x", "y", "z"],
    )
