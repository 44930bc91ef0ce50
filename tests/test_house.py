"""The plan of the house holds: what may import what, what is light, what is short, what is told."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import bayes_scaling

PACKAGE = Path(bayes_scaling.__file__).parent
ORDER = ["errors", "data", "laws", "model", "fit", "check", "forecasts", "compare", "plan", "plots", "report",
         "api", "cli", "__main__"]  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))
FILE_LINES, BODY_LINES = 400, 40


def room_of(path: Path) -> str:
    """Return the room a file belongs to; the package's own __init__ stands above all rooms."""
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms that a file imports anywhere: in functions and under TYPE_CHECKING too."""
    found = set()
    here = ("bayes_scaling", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) + "." if node.level else ""
            module = base + (node.module or "")
            names = [f"{module.rstrip('.')}.{alias.name}" for alias in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("bayes_scaling.")}
    return {name for name in found if name in ORDER}


def test_every_file_is_in_a_known_room():
    rooms = {room_of(f) for f in FILES} - {"__init__"}
    assert rooms <= set(ORDER)


@pytest.mark.parametrize("path", [f for f in FILES if room_of(f) != "__init__"], ids=lambda p: p.stem)
def test_a_room_imports_only_earlier_rooms(path):
    own = ORDER.index(room_of(path))
    late = {name for name in imported_rooms(path) if ORDER.index(name) > own}
    assert not late, f"{path.relative_to(PACKAGE)} imports later rooms {late}"


def test_import_finder_sees_local_and_typing_imports():
    assert "fit" in imported_rooms(PACKAGE / "check" / "loo.py")
    assert {"data", "errors", "model"} <= imported_rooms(PACKAGE / "model" / "rows.py")


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running code."""
    printed = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True, timeout=60, cwd=PACKAGE.parent,
    )  # fmt: skip
    return set(printed.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import bayes_scaling as bs",
        "from bayes_scaling import laws; laws.available()",
        "from bayes_scaling import laws; [laws.get(n).as_dict() for n in laws.available()]",
        "import bayes_scaling as bs; bs.list_datasets()",
        "import bayes_scaling.errors",
    ],
)
def test_light_things_import_nothing_heavy(code):
    heavy = {"numpy", "scipy", "pandas", "pymc", "pytensor", "nutpie", "arviz", "matplotlib", "pandera", "xarray"}
    assert not modules_after(code) & heavy


@pytest.mark.parametrize(
    "code",
    [
        "from bayes_scaling.cli import commands",
        "import bayes_scaling as bs\nimport pandas as pd\n"
        "bs.check_runs(pd.DataFrame({'params': [1e9], 'tokens': [2e10], 'loss': [2.5]}))",
    ],
    ids=["commands", "a table without a fault"],
)
def test_a_forecast_waits_for_nothing_that_it_does_not_use(code):
    assert not modules_after(code) & {"pymc", "arviz_stats", "matplotlib", "pandera", "scipy.stats", "scipy.optimize"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LINES
    long = [name for name, lines in bodies(ast.parse(text)) if lines > BODY_LINES]
    assert not long


def bodies(tree: ast.AST):
    """Yield name and number of lines of every function body, its docstring not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (body[-1].end_lineno - body[0].lineno + 1) if body else 0


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_public_names_have_docstrings(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "module docstring"
    missing = []
    for holder in [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef))]:
        if getattr(holder, "name", "").startswith("_"):
            continue
        for node in holder.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                missing.append(node.name)
    assert not missing


@pytest.mark.parametrize("name", sorted(set(bayes_scaling.__all__) - {"laws", "plots", "write_report"}))
def test_every_public_name_resolves_to_the_thing_itself(name):
    value = getattr(bayes_scaling, name)
    assert not isinstance(value, type(sys)), f"bs.{name} is a module"
    if name in bayes_scaling._WHERE:  # importing a room must not have put the room in the way of the name
        room = importlib.import_module(f"bayes_scaling.{bayes_scaling._WHERE[name]}")
        assert value is getattr(room, bayes_scaling._RENAMED.get(name, name))


def test_no_public_function_shares_its_name_with_a_room():
    rooms = {p.stem for p in PACKAGE.iterdir() if p.is_dir() or p.suffix == ".py"}
    assert not set(bayes_scaling._WHERE) & rooms


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="forcast"):
        bayes_scaling.forcast  # noqa: B018
