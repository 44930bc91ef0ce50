"""A specification is checked when it is made, and is plain data."""

import numpy as np
import pytest
import simulated

from bayes_scaling.errors import CardError
from bayes_scaling.laws import Prior
from bayes_scaling.model import Noise, build, encode, make_spec, spec_from_dict

GROUPS = ["family", "task"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"law": "chinchila"}, r"unknown law 'chinchila'.*Did you mean 'chinchilla'"),
        ({"law": "chinchilla", "group": ["family"]}, r"unknown key 'group' in \[model\].*Did you mean 'groups'"),
        ({"groups": ["family"]}, r"\[model\] needs `law`"),
        ({"law": "chinchilla", "outcome": "los"}, r"outcome = 'los'.*Did you mean 'loss'"),
        ({"law": "chinchilla", "outcome": "accuracy"}, "describes loss"),
        ({"law": "chinchilla", "reference": {"parms": 1e9}}, r"'parms'.*Did you mean 'params'"),
        ({"law": "m2", "inputs": {"scal": "tokens"}}, r"'scal' in \[model.inputs\].*Did you mean 'scale'"),
        ({"law": "m2", "inputs": {"scale": "token"}}, r"cannot read column 'token'.*Did you mean 'tokens'"),
        ({"law": "m2", "inputs": {"scale": "seen"}}, r"no usual reference scale.*reference = \{ scale"),
        ({"law": "m2", "inputs": "tokens"}, r"\[model.inputs\] is 'tokens'"),
        ({"law": "m2", "inputs": {"scale": ["tokens"]}}, r"cannot read column \['tokens'\]"),
        ({"law": "m2", "input": {"scale": "tokens"}}, r"unknown key 'input'.*Did you mean 'inputs'"),
        ({"law": "m2", "inputs": {"scale": "seen"}, "reference": {"seen": 1e8}}, "no usual reference"),
        ({"law": "chinchilla", "pooling": {"alhpa": "partial"}}, r"'alhpa'.*Did you mean 'alpha'"),
        ({"law": "chinchilla", "groups": GROUPS, "pooling": {"E": {"famly": "partial"}}}, r"Did you mean 'family'"),
        ({"law": "chinchilla", "groups": GROUPS, "pooling": {"E": {"family:tsk": "none"}}}, r"Did you mean 'task'"),
        ({"law": "chinchilla", "groups": GROUPS, "pooling": {"E": {"family": "partail"}}}, r"Did you mean 'partial'"),
        ({"law": "chinchilla", "groups": GROUPS, "pooling": {"E": {"family": "none", "task": "none"}}},
         "several groups"),
        ({"law": "chinchilla", "pooling": {"overdispersion": "partial"}}, "'overdispersion'.*does not have"),
        ({"law": "chinchilla", "priors": {"alfa": {"dist": "normal", "mean": 0, "sd": 1}}}, r"Did you mean 'alpha'"),
        ({"law": "chinchilla", "groups": GROUPS, "priors": {"E_famly_sd": {"dist": "halfnormal", "upper95": 1}}},
         r"Did you mean 'E_family_sd'"),
        ({"law": "chinchilla", "priors": {"alpha": {"dist": "lognormel", "median": 1, "upper95": 2}}}, "Did you mean"),
        ({"law": "chinchilla", "priors": {"alpha": "wide"}}, "prior"),
        ({"law": "chinchilla", "priors": {"alpha": 0.35}}, "prior"),
        ({"law": "chinchilla", "noise": {"observation": "student"}}, r"Did you mean 'student_t'"),
        ({"law": "chinchilla", "noise": {"observation": "beta"}}, "does not describe loss"),
        ({"law": "chinchilla", "noise": {"observations": "normal"}}, r"unknown key.*Did you mean 'observation'"),
        ({"law": "chinchilla", "noise": {"run_effect": "yes"}}, "true or false"),
        ({"law": "chinchilla", "noise": {"discrepancy": "oo"}}, "Did you mean"),
        ({"law": "chinchilla", "noise": {"discrepancy": {"kind": "ou", "ower": "tokens"}}}, "ower"),
        ({"law": "chinchilla", "noise": "normal"}, r"\[noise\]"),
        ({"law": "chinchilla", "pooling": {"E": 3}}, "pooling"),
        ({"law": "chinchilla", "pooling": "partial"}, "pooling"),
        ({"law": "chinchilla", "groups": ["family", "family"]}, "family"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_would_be_right(table, message):
    with pytest.raises(CardError, match=message):
        spec_from_dict(table)


@pytest.mark.parametrize(
    ("law", "name", "prior"),
    [
        ("chinchilla", "alpha", Prior("normal", mean=0.3, sd=0.2)),
        ("sigmoid", "ceiling", Prior("lognormal", median=0.9, upper95=1.2)),
        ("chinchilla", "E_family_sd", Prior("normal", mean=0.0, sd=0.2)),
        ("chinchilla", "run_sd", Prior("normal", mean=0.0, sd=0.2)),
    ],
)
def test_a_prior_outside_the_support_of_its_parameter_is_refused(law, name, prior):
    with pytest.raises(CardError, match=name):
        make_spec(law, groups=["family"], priors={name: prior})


SPECS = {
    "bare": make_spec("power_law"),
    "crossed": simulated.crossed_spec(observation="beta_binomial"),
    "reading": make_spec("m4", inputs={"scale": "seen"}, reference={"scale": 1e8}),
    "reading the usual": make_spec("m4", inputs={"scale": "tokens"}),
    "priors": make_spec(
        "chinchilla", groups=["family"], reference={"params": 1e8}, pooling={"alpha": "partial", "sigma": "partial"},
        priors={"alpha": Prior("lognormal", median=0.3, upper95=0.5), "sigma_family_sd": Prior("halfnormal", upper95=1),
                "run_sd": Prior("halfnormal", upper95=0.1)},
        noise=Noise("student_t", run_effect=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_plain_data_round_trip(name):
    table = SPECS[name].as_dict()
    again = spec_from_dict(table)
    assert again.as_dict() == table
    assert again.law.reference == SPECS[name].law.reference
    assert again.law.inputs == SPECS[name].law.inputs
    assert list(again.all_effects()) == list(SPECS[name].all_effects())


def test_what_an_input_reads_is_written_only_where_it_was_changed():
    assert SPECS["reading"].as_dict()["inputs"] == {"scale": "seen"}
    for spec in (make_spec("m2"), make_spec("m2", inputs={"scale": "compute"}), SPECS["bare"]):
        assert "inputs" not in spec.as_dict()  # fits saved before inputs could be read elsewhere have no such key
    law = SPECS["reading"].law
    assert make_spec(law).as_dict()["inputs"] == {"scale": "seen"}
    assert make_spec(law, reference={"scale": 1e7}).law.reference == {"scale": 1e7}


def test_default_pooling_shares_exponents_and_lets_offsets_vary():
    spec = make_spec("chinchilla", groups=["family"])
    pooled = {p.name: spec.effects(p) for p in spec.parameters()}
    assert pooled["alpha"] == pooled["beta"] == {}
    assert pooled["E"] == pooled["A_ref"] == pooled["B_ref"] == {"family": "partial"}


def test_a_named_parameter_gets_exactly_what_is_written():
    spec = make_spec("chinchilla", groups=GROUPS, pooling={"E": {"task": "partial"}, "alpha": "partial"})
    assert spec.effects(spec.law.parameter("E")) == {"task": "partial"}
    assert spec.effects(spec.law.parameter("alpha")) == {"family": "partial", "task": "partial"}
    assert spec.effects(spec.law.parameter("A_ref")) == {"family": "partial", "task": "partial"}


def test_changing_a_prior_never_changes_pooling():
    plain = make_spec("chinchilla", groups=["family"], pooling={"alpha": "partial"})
    prior = Prior("lognormal", median=0.2, upper95=0.4)
    for name in ("alpha", "E", "alpha_family_sd", "A_ref_family_sd"):
        other = make_spec("chinchilla", groups=["family"], pooling={"alpha": "partial"}, priors={name: prior})
        assert list(other.all_effects()) == list(plain.all_effects())
        assert other.pooling == plain.pooling


def test_a_changed_prior_reaches_the_model():
    prior = Prior("lognormal", median=0.2, upper95=0.4)
    spec, rows = encode(make_spec("power_law", priors={"alpha": prior}), simulated.ladder(per_family=3))
    model = build(spec, rows)
    mu, sigma = (float(v.eval(mode="FAST_COMPILE")) for v in model["alpha"].owner.op.dist_params(model["alpha"].owner))
    assert mu == pytest.approx(np.log(0.2))
    assert np.exp(mu + 1.6448536 * sigma) == pytest.approx(0.4, rel=1e-6)


def test_switching_off_a_group_takes_its_effects_and_priors_with_it():
    crossed = make_spec(
        "sigmoid", groups=GROUPS, pooling={"level": {"family": "partial", "family:task": "partial"}},
        priors={"level_family:task_sd": Prior("halfnormal", upper95=1), "level": Prior("normal", mean=0, sd=1)},
    )  # fmt: skip
    less = crossed.without_group("task")
    assert less.groups == ("family",)
    assert [(p.name, g) for p, g, _ in less.all_effects()] == [("level", "family")]
    assert set(less.priors) == {"level"}
    assert spec_from_dict(less.as_dict()).as_dict() == less.as_dict()


def test_the_unit_of_the_outcome_is_that_stated_else_the_laws():
    assert make_spec("chinchilla").unit == "nats per token"
    assert make_spec("m4").unit == ""  # a form of any loss
    stated = make_spec("m4", outcome_unit="Brier score")
    assert stated.unit == "Brier score"
    assert spec_from_dict(stated.as_dict()).unit == "Brier score"
    assert "outcome_unit" not in make_spec("m4").as_dict()
    with pytest.raises(CardError, match="outcome_unit = 3; expected words"):
        make_spec("m4", outcome_unit=3)
