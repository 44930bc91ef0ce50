import hashlib
import logging
import subprocess
import sys

import pooch
import pytest

from bayes_scaling.data import catalogue, dataset, fetch, list_datasets
from bayes_scaling.data.registry import DataFile, Dataset
from bayes_scaling.errors import DataError, DownloadError

FILE = "svg_extracted_data.csv"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A mirror that a test can fill."""
    path = tmp_path / "mirror"
    path.mkdir()
    monkeypatch.setenv("BAYES_SCALING_DATA", str(path))
    return path


@pytest.fixture
def small(monkeypatch):
    """A catalogue of one data set whose only file holds ``a,b``."""
    sha256 = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    files = (DataFile("t.csv", sha256, "https://example.org/t.csv"),)
    entry = Dataset("small", "Small", 1, "MIT", "Nobody.", "o/r", "c", (), False, files, ())
    monkeypatch.setattr("bayes_scaling.data.registry.catalogue", lambda: {"small": entry})
    return entry


def serve(monkeypatch, content: bytes) -> list[str]:
    """Let downloads return this content; the list collects the addresses."""
    asked = []

    def download(self, url, output_file, source, check_only=False):
        asked.append(url)
        with open(output_file, "wb") as file:
            file.write(content)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return asked


def test_importing_and_listing_needs_nothing_heavy():
    code = (
        "import sys, bayes_scaling.data as d; d.list_datasets(); d.benchmark('mmlu'); dir(d);"
        "heavy = {'pandas', 'numpy', 'pandera', 'pooch', 'requests', 'pymc'} & set(sys.modules);"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_attribute():
    import bayes_scaling.data

    with pytest.raises(AttributeError, match="no attribute 'chek_runs'"):
        bayes_scaling.data.chek_runs  # noqa: B018
    assert all(hasattr(bayes_scaling.data, name) for name in bayes_scaling.data.__all__)


def test_catalogue_is_listed(no_mirror):
    listed = {entry["name"]: entry for entry in list_datasets()}
    parts = [f"observational_{p}" for p in ("emergent", "leaderboard_v2", "post_training", "instruct", "agents")]
    own = ["chinchilla", "overtraining", "observational", "curves", "published_models", "sloth"]
    assert list(listed)[:12] == [*own, *parts, "epoch"], "later datasets follow in any order"
    assert listed["observational_agents"]["citation"] == listed["observational"]["citation"]
    assert set(listed["chinchilla"]) == {"name", "title", "rows", "licence", "citation", "available_offline"}
    assert listed["chinchilla"]["citation"] == (
        "Besiroglu, Erdil, Barnett, You (2024). Chinchilla Scaling: A replication attempt. arXiv:2404.10102."
    )
    assert [name for name, entry in listed.items() if entry["available_offline"]] == ["published_models"]


def test_available_offline_with_a_mirror(folder):
    (folder / "chinchilla").mkdir()
    (folder / "chinchilla" / FILE).touch()
    available = {entry["name"]: entry["available_offline"] for entry in list_datasets()}
    assert available["chinchilla"]
    assert not available["overtraining"]


def test_addresses_are_pinned():
    for entry in catalogue().values():
        for file in (*entry.files, *entry.fallback):
            assert len(file.sha256) == 64
            if file.url is not None:
                assert file.url.startswith(f"https://raw.githubusercontent.com/{entry.repository}/{entry.commit}/")
    assert len(dataset("overtraining").fallback) == 208
    assert dataset("chinchilla").files[0].url.endswith("/data/svg_extracted_data.csv")


def test_unknown_names():
    with pytest.raises(DataError, match=r"'chinchila' is not in the catalogue. Did you mean 'chinchilla'"):
        dataset("chinchila")
    with pytest.raises(DataError, match=r"has no file 'svg_data.csv'. Did you mean 'svg_extracted_data.csv'"):
        fetch("chinchilla", "svg_data.csv")


def test_unreachable_without_a_mirror_says_how_to_point_to_one(no_mirror):
    with pytest.raises(DownloadError) as caught:
        fetch("chinchilla", FILE)
    message = str(caught.value)
    assert "download https://raw.githubusercontent.com/epoch-research/analyzing-chinchilla/" in message
    assert "no connection to raw.githubusercontent.com (ConnectionError)" in message
    assert caught.value.__cause__ is None
    assert "set BAYES_SCALING_DATA=/path/to/folder" in message
    assert f"<folder>/<dataset>/<file>, here <folder>/chinchilla/{FILE}" in message


def test_unreachable_with_a_mirror_that_lacks_the_file(folder, monkeypatch):
    with pytest.raises(DownloadError, match=f"has no file chinchilla/{FILE}"):
        fetch("chinchilla", FILE)
    monkeypatch.setenv("BAYES_SCALING_DATA", str(folder / "absent"))
    with pytest.raises(DownloadError, match="absent does not exist"):
        fetch("chinchilla", FILE)


def test_file_without_an_address(no_mirror):
    with pytest.raises(DownloadError, match=r"models_table.csv has no public address. To work offline set"):
        fetch("overtraining", "models_table.csv")


def test_mirror_with_another_file(folder, monkeypatch):
    (folder / "chinchilla").mkdir()
    (folder / "chinchilla" / FILE).write_text("something else")
    asked = serve(monkeypatch, b"x")
    with pytest.raises(DownloadError) as caught:
        fetch("chinchilla", FILE)
    message = str(caught.value)
    assert str(folder / "chinchilla" / FILE) in message
    assert "expected SHA-256 193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30" in message
    assert hashlib.sha256(b"something else").hexdigest() in message
    assert "The file is not used" in message
    assert not asked


def test_mirror_comes_first(folder, small, monkeypatch):
    (folder / "small").mkdir()
    (folder / "small" / "t.csv").write_bytes(b"a,b\n1,2\n")
    asked = serve(monkeypatch, b"")
    assert fetch("small", "t.csv") == folder / "small" / "t.csv"
    assert not asked


def test_download_is_kept_in_the_cache(small, no_mirror, monkeypatch, tmp_path):
    level = logging.getLogger("pooch").level
    asked = serve(monkeypatch, b"a,b\n1,2\n")
    path = fetch("small", "t.csv")
    assert path == tmp_path / "cache" / "small" / "t.csv"
    assert path.read_bytes() == b"a,b\n1,2\n"
    assert fetch("small", "t.csv") == path
    assert asked == ["https://example.org/t.csv"]
    assert list_datasets()[0]["available_offline"]
    assert logging.getLogger("pooch").level == level


def test_a_part_shares_the_folder_of_the_whole(no_mirror, monkeypatch, tmp_path):
    part, whole = dataset("observational_emergent"), dataset("observational")
    assert part.folder == whole.folder == "observational"
    assert (part.repository, part.commit, part.licence) == (whole.repository, whole.commit, whole.licence)
    assert part.notes != whole.notes
    assert part.files[0] == whole.files[0]
    with pytest.raises(DownloadError, match="here <folder>/observational/base_llm_emergent"):
        fetch("observational_emergent", "base_llm_emergent_capability_eval.csv")


def test_download_of_another_file_is_not_kept(small, no_mirror, monkeypatch, tmp_path):
    serve(monkeypatch, b"<html>not found</html>")
    with pytest.raises(DownloadError) as caught:
        fetch("small", "t.csv")
    message = str(caught.value)
    assert small.files[0].sha256 in message
    assert hashlib.sha256(b"<html>not found</html>").hexdigest() in message
    assert "The file is not used" in message
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_cache_folder_of_the_user(monkeypatch):
    from bayes_scaling.data.registry import cache_folder

    monkeypatch.delenv("BAYES_SCALING_CACHE")
    assert cache_folder() == pooch.os_cache("bayes_scaling")


@pytest.mark.real
def test_files_of_the_mirror_have_the_expected_hashes(mirror):
    for entry in catalogue().values():
        for file in (*entry.files, *entry.fallback):
            assert fetch(entry.name, file.path).is_file()
    assert all(entry["available_offline"] for entry in list_datasets())
