"""Model: from a specification and a table to a PyMC model, and the same model in NumPy.

``spec.py`` law + groups + pooling + priors + noise as plain data; ``card.py`` the TOML file that
holds one; ``questions.py`` points that are asked about; ``rows.py`` the table as the model reads it;
``effects.py`` a parameter at a row;
``noise.py`` observation noise and run effect; ``discrepancy.py`` the departure from the law,
``state_space.py`` its density in linear time; ``curves.py`` effects of learning curves; ``priors.py`` priors in
PyMC and NumPy;
``graph.py`` the PyMC model; ``simulate.py`` its NumPy twin on draws.
"""

from __future__ import annotations

from bayes_scaling.model.graph import build
from bayes_scaling.model.rows import Rows, encode
from bayes_scaling.model.spec import ModelSpec, Noise, make_spec, spec_from_dict

__all__ = ["ModelSpec", "Noise", "Rows", "build", "encode", "make_spec", "spec_from_dict"]
