"""``python -m bayes_scaling.cli``."""

from __future__ import annotations

import sys

from bayes_scaling.cli import main

if __name__ == "__main__":
    sys.exit(main())
