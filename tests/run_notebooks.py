"""Execute every notebook of reports/ and check that it matches its paired script.

Those that read the folder of public datasets are only compared where BAYES_SCALING_DATA names none.
"""

import os
import sys
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient

REPORTS = Path(__file__).resolve().parent.parent / "reports"
NEEDS_DATA = ("observational", "decide_next_run")


def sources(notebook):
    return [(c.cell_type, c.source.strip()) for c in notebook.cells]


def main() -> int:
    scripts = sorted(REPORTS.glob("*.py"))
    failed = skipped = 0
    mirror = os.environ.get("BAYES_SCALING_DATA", "")
    for script in scripts:
        paired = jupytext.read(script)
        notebook = script.with_suffix(".ipynb")
        if not notebook.is_file() or sources(jupytext.read(notebook)) != sources(paired):
            print(f"{notebook.name} differs from {script.name}: run `jupytext --sync reports/{script.name}`")
            failed += 1
        if script.stem in NEEDS_DATA and not (mirror and Path(mirror).is_dir()):
            print(f"{script.name} not executed: BAYES_SCALING_DATA names no folder of public datasets")
            skipped += 1
            continue
        started = time.perf_counter()
        NotebookClient(paired, timeout=900, resources={"metadata": {"path": str(REPORTS)}}).execute()
        print(f"{script.name} executed in {time.perf_counter() - started:.0f} s")
    print(f"notebooks: {len(scripts) - failed - skipped} passed, {failed} failed, {skipped} not executed")
    return 1 if failed or not scripts else 0


if __name__ == "__main__":
    sys.exit(main())
