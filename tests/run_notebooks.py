"""Execute every notebook of reports/ and check that it matches its paired script."""

import sys
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient

REPORTS = Path(__file__).resolve().parent.parent / "reports"


def sources(notebook):
    return [(c.cell_type, c.source.strip()) for c in notebook.cells]


def main() -> int:
    scripts = sorted(REPORTS.glob("*.py"))
    failed = 0
    for script in scripts:
        paired = jupytext.read(script)
        notebook = script.with_suffix(".ipynb")
        if not notebook.is_file() or sources(jupytext.read(notebook)) != sources(paired):
            print(f"{notebook.name} differs from {script.name}: run `jupytext --sync reports/{script.name}`")
            failed += 1
        started = time.perf_counter()
        NotebookClient(paired, timeout=900, resources={"metadata": {"path": str(REPORTS)}}).execute()
        print(f"{script.name} executed in {time.perf_counter() - started:.0f} s")
    print(f"notebooks: {len(scripts) - failed} passed, {failed} failed")
    return 1 if failed or not scripts else 0


if __name__ == "__main__":
    sys.exit(main())
