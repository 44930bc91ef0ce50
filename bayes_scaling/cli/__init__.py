"""The command line: ``bayes-scaling fit CARD`` and its sisters; ``parser.py`` has all of them.

``--help``, ``laws`` and ``datasets`` import neither pandas nor PyMC. Exit codes: 0 done,
1 an error that is explained, 2 wrong usage, 3 done but a fit failed its diagnostics or is missing, 130 interrupted,
141 whoever read the output went away.

``parser.py`` what is understood; ``questions.py`` ``--at`` and ``--target``; ``fits.py`` a card and its saved fit;
``commands.py`` the commands that need one, ``skills.py`` the tables of one; ``plan.py`` what a card or the command line
plans, with ``plan_parser.py`` and ``plan_next.py``; ``sensitivity.py`` other prior sets; ``catalogue.py`` the page of
all laws; ``show.py`` what is printed, and the lists.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Sequence

from bayes_scaling.cli import show
from bayes_scaling.cli.parser import DEFAULT_REPORT, make_parser, plain_negatives
from bayes_scaling.cli.show import EXIT_UNUSABLE
from bayes_scaling.errors import BayesScalingError, InterruptedFitError

EXIT_ERROR, EXIT_INTERRUPTED, EXIT_PIPE = 1, 130, 141
IMPORTED = 50_000  # what is imported stays: looking for garbage in it after every 2,000 objects takes 0.1 s
LISTS = {"laws": show.laws, "datasets": show.datasets, "cards": show.cards}

__all__ = ["DEFAULT_REPORT", "EXIT_ERROR", "EXIT_INTERRUPTED", "EXIT_PIPE", "EXIT_UNUSABLE", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = make_parser()
    options = parser.parse_args(plain_negatives(sys.argv[1:] if argv is None else argv))
    if options.version:
        from bayes_scaling import __version__

        print(__version__)
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    try:
        code = _run(options.command)(options)
        sys.stdout.flush()  # a closed pipe shows here and not when Python ends
        return int(code)
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):  # what is still buffered has nowhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except InterruptedFitError as error:
        show.warn(f"bayes-scaling: {error}")
        return EXIT_INTERRUPTED
    except (BayesScalingError, OSError) as error:
        show.warn(f"bayes-scaling: {error}")
        return EXIT_ERROR
    except KeyboardInterrupt:
        show.warn("bayes-scaling: interrupted; nothing unfinished was written, finished folds of a backtest are kept.")
        return EXIT_INTERRUPTED


def _run(command: str) -> Callable[[argparse.Namespace], int]:
    """Return what runs a command; those that need a fit import the whole package."""
    if command in LISTS:
        return LISTS[command]
    gc.set_threshold(IMPORTED)
    atexit.register(gc.freeze)  # nor is any looked for when the process ends, which takes 0.2 s more
    if command == "plan":
        from bayes_scaling.cli import plan

        return plan.plan
    if command == "sensitivity":
        from bayes_scaling.cli import sensitivity

        return sensitivity.sensitivity
    if command == "catalogue":
        from bayes_scaling.cli import catalogue

        return catalogue.catalogue
    from bayes_scaling.cli import commands

    return {
        "fit": commands.fit, "check": commands.checks, "forecast": commands.forecast, "compare": commands.compare,
        "skills": commands.skills, "backtest": commands.backtest, "report": commands.report,
    }[command]  # fmt: skip
