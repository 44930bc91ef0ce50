"""The catalogue: every law on one page, marked where no run has tested it, with fits beside published constants."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
import simulated
from pages import Outline

from bayes_scaling import laws
from bayes_scaling.api.catalogue import cards_by_law, write_catalogue
from bayes_scaling.data import list_datasets
from bayes_scaling.errors import CardError
from bayes_scaling.laws import Constants
from bayes_scaling.laws.base import UNVERIFIED
from bayes_scaling.laws.chinchilla import Chinchilla
from bayes_scaling.laws.m1 import M1
from bayes_scaling.model.card import card_from_dict
from bayes_scaling.report.blocks import Table
from bayes_scaling.report.catalogue import entry, write_entries
from bayes_scaling.report.fitted import Fitted, constants_of, fitted_sections, places

EVIL = "<script>alert(1)</script> & co"


class OfALevel(Chinchilla):
    """Chinchilla's law with constants that belong to one family."""

    name = "of_a_level"
    published = {"ants": Constants({"E": 1.6}, "a paper", of="ant"), "all": Constants({"E": 1.7}, "a paper")}


class Evil(M1):
    """A law whose words would be markup."""

    name = "evil"
    title = use = EVIL


def card(**parts):
    head = {"name": "made_up", "title": EVIL, "question": "Which?", "notes": [EVIL]}
    return card_from_dict({**head, "data": {"dataset": "made_up"}, "model": {"law": "chinchilla"}, **parts})


@pytest.fixture(scope="module")
def fitted():
    """A card with constants, whose draws lie about those of Besiroglu et al., and one without a fit."""
    spec, rng = card(constants=["hoffmann2022", "besiroglu2024"]), np.random.default_rng(3)
    at = laws.get("chinchilla").constants("besiroglu2024")
    values = {name: value * np.exp(0.01 * rng.standard_normal(200)) for name, value in at.items()}
    fit = simulated.fit_of(spec.model, simulated.ladder(per_family=4), values, draws=100, diverging=3)
    return [Fitted(spec, fit), Fitted(replace(spec, name="other"), None, f"no data {EVIL}")]


@pytest.fixture(scope="module")
def html(fitted, tmp_path_factory):
    entries = [entry(laws.get("chinchilla"), fitted), entry(laws.get("mixing")), entry(Evil())]
    path = write_entries(entries, tmp_path_factory.mktemp("catalogue") / "new" / "laws.html")
    assert [p.name for p in path.parent.iterdir()] == ["laws.html"]
    return path.read_text(encoding="utf-8")


def article(html, name):
    """Return what the page says of one law."""
    return html[html.index(f'<article id="law-{name}"') :].split("</article>")[0]


def test_needs_nothing_from_outside_and_leads_to_the_papers(html):
    found = Outline(html).found
    assert not {t for t, _ in found} & {"script", "link", "iframe"}
    sources = [a[k] for _, a in found for k in ("src", "data", "action") if k in a]
    assert all(s.startswith("data:") for s in sources)
    ids = [a["id"] for _, a in found if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for t, a in found if t == "a"]
    assert {link[1:] for link in links if link.startswith("#")} - {"top"} <= set(ids)
    assert {link for link in links if not link.startswith("#")} == {
        f"https://arxiv.org/abs/{law.citation.arxiv}" for law in (Chinchilla(), laws.get("mixing"), Evil())
    }
    levels = [int(t[1]) for t, _ in found if re.fullmatch(r"h[1-6]", t)]
    assert levels[0] == 1
    assert max(np.diff(levels)) <= 1


def test_everything_is_escaped(html):
    assert "<script>alert" not in html
    for part in (article(html, "evil"), article(html, "chinchilla")):
        assert EVIL in unescape(part)
    assert EVIL in unescape(html[html.index("<nav") : html.index("</nav>")])


def test_only_a_law_that_no_run_has_tested_is_marked(html):
    assert UNVERIFIED in article(html, "evil")
    assert UNVERIFIED not in article(html, "chinchilla")
    assert UNVERIFIED not in article(html, "mixing")
    index = html[html.index("<nav") : html.index("</nav>")]
    assert index.count(UNVERIFIED) == 1
    assert index.count("<li>") == 3


def test_the_mark_says_the_truth():
    """A law with a shipped card was fitted to runs, and what it was fitted to begins with the name of a dataset."""
    for name in cards_by_law():
        assert laws.get(name).verified, f"law {name} has a card, so it states the runs in `verified`"
    datasets = {d["name"] for d in list_datasets()}
    stated = {laws.get(n).verified for n in laws.available()} - {""}
    assert {s.split()[0] for s in stated} <= datasets


def test_each_part_is_there(html):
    part = unescape(article(html, "chinchilla"))
    law = laws.get("chinchilla")
    for title in (
        "Inputs",
        "Parameters and priors",
        "Curves under the prior",
        "Published constants",
        "Fitted: made_up",
    ):
        assert f"<h3>{title}</h3>" in part
    for p in law.parameters:
        assert p.meaning in part
        assert f'aria-label="{p.symbol}"' in part
    assert 'src="data:image/png;base64,' in part
    assert law.published["besiroglu2024"].source in part
    mixing = unescape(article(html, "mixing"))
    assert "There is no picture: law mixing has no curve along one input alone" in mixing
    assert "optimal_share" in mixing


def test_published_and_fitted_constants_are_beside_each_other(html, fitted):
    tables = [b for s in fitted_sections(fitted) for b in s.blocks if isinstance(b, Table)]
    assert [len(t.rows) for t in tables] == [5, 5]
    inside = [[row[t.head.index("inside?")] for row in t.rows] for t in tables]
    assert inside[1] == ["yes"] * 5
    assert inside[0][0] == "no"  # the floor of Hoffmann et al.
    assert tables[0].marked == {i for i, v in enumerate(inside[0]) if v == "no"}
    assert tables[0].rows[0][:2] == ["E", "1.690"]
    part = unescape(article(html, "chinchilla"))
    assert "FIT NOT USABLE" in part
    assert f"(no data {EVIL})" in part


def test_constants_belong_to_the_data_of_a_card():
    frame = simulated.ladder(per_family=4)
    model = {"law": "chinchilla", "groups": ["family"], "pooling": {"E": {"family": "none"}}}
    spec = card(model=model)
    fit = simulated.fit_of(replace(spec.model, law=OfALevel()), frame, draws=20)
    assert constants_of(spec, fit) == ["ants"]
    assert places(fit) == [{"family": f} for f in ("ant", "bee", "cat")]
    found = fitted_sections([Fitted(spec, fit)])[0].blocks
    assert next(b.caption for b in found if isinstance(b, Table)).startswith("Published ants, ant beside")
    plain = simulated.fit_of(spec.model, frame, draws=20)
    assert constants_of(spec, plain) == []
    assert len(next(b for b in fitted_sections([Fitted(spec, plain)])[0].blocks if isinstance(b, Table)).rows) == 15
    own = card_from_dict({**card().as_dict(), "data": {"dataset": "chinchilla"}})
    assert constants_of(own, plain) == list(laws.get("chinchilla").published)


def test_page_of_chosen_laws(tmp_path):
    seen = []
    path = write_catalogue(tmp_path / "laws.html", ["power_law"], progress=lambda: seen.append(1))
    text = path.read_text(encoding="utf-8")
    assert seen == [1]
    assert "published_loss" in text
    assert "not asked for" in text
    with pytest.raises(CardError, match="Did you mean 'power_law'"):
        write_catalogue(tmp_path / "other.html", ["power_lew"])
    with pytest.raises(ValueError, match="at least one"):
        write_catalogue(tmp_path / "other.html", [])
    assert [p.name for p in tmp_path.iterdir()] == ["laws.html"]


def test_cards_of_the_same_fit_are_shown_once():
    names = [c.name for c, _ in cards_by_law()["chinchilla"]]
    assert "chinchilla" in names
    assert "plan_chinchilla" not in names
    assert [(c.name, outcome) for c, outcome in cards_by_law()["loss_exponential"]] == [
        ("overtraining_chain", "accuracy")
    ]
