"""Processes that do the work of many fits: how they start."""

import os
import subprocess
import sys

from bayes_scaling.fit import crew


def test_a_script_that_processes_cannot_import_is_told(tmp_path):
    """Workers import the script that starts them: without the guard they start the work again."""
    script = tmp_path / "script.py"
    script.write_text("from bayes_scaling.fit.crew import Processes\nProcesses(1)\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert '__name__ == "__main__"' in done.stderr.splitlines()[-1]


def test_processes_do_linear_algebra_on_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    one = crew.Processes(1)
    try:
        found = [one.start(os.getenv, name).result() for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")]
    finally:
        one.close(kill=True)
    assert found == ["1", "3"]
    assert "OMP_NUM_THREADS" not in os.environ
