"""The command that writes the page of all laws."""

from __future__ import annotations

import argparse

from bayes_scaling import laws as room
from bayes_scaling.api import Card, write_catalogue
from bayes_scaling.api.catalogue import Found
from bayes_scaling.cli.fits import card_and_fit, check_writable, saved_fit
from bayes_scaling.cli.show import EXIT_UNUSABLE, print_json, warn
from bayes_scaling.errors import BayesScalingError, InterruptedFitError
from bayes_scaling.fit import failure_banner
from bayes_scaling.fit.progress import Progress


def catalogue(options: argparse.Namespace) -> int:
    """Write the page; a card that cannot be fitted is named on it with the reason."""
    if options.no_fits and options.refit:
        raise BayesScalingError("--no-fits and --refit exclude each other; give one of them.")
    check_writable(options.output)
    names = options.law or room.available()
    for name in names:
        room.get(name)  # a typo is told before anything is fitted
    progress = Progress(len(names), "catalogue", shown=not options.quiet, unit="laws")
    progress.start(0)
    unusable: dict[str, None] = {}
    missing: dict[str, str] = {}

    def fit_of(card: Card) -> Found:
        found = _found(options, card)
        if isinstance(found, str):
            missing[card.name] = found
        elif any(failure_banner(stage) for stage in found.stages.values()):
            unusable[card.name] = None
        return found

    path = write_catalogue(options.output, names, fits=fit_of, progress=progress.step)
    progress.close()
    if options.json:
        print_json({"catalogue": str(path), "laws": list(names), "without_fit": missing, "unusable": list(unusable)})
    else:
        print(path)
    if unusable:
        warn(f"bayes-scaling: these fits failed their diagnostics: {', '.join(unusable)}")
        return EXIT_UNUSABLE
    return 0


def _found(options: argparse.Namespace, card: Card) -> Found:
    """Return a card's fit, saved or new, or why there is none."""
    try:
        if options.no_fits:
            fit = saved_fit(options, card)
            return "no saved fit matches card and data" if fit is None else fit
        return card_and_fit(options, card, asked=())[1]
    except InterruptedFitError:
        raise
    except (BayesScalingError, OSError) as error:
        return str(error)
