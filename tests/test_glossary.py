"""The page's glossary is docs/words.md's, and no word on the page lacks its line there."""

import json

import pytest

from demo import glossary, scenes
from demo.app import markup
from studies.build_words import WORDS, words
from tests.stand_in import info


def test_the_page_s_words_are_those_of_the_document():
    assert json.loads(WORDS.read_text("utf-8")) == words(), "run python -m studies.build_words"
    assert len(words()) > 20


def test_a_term_opens_what_it_means_once_a_page():
    html = glossary.linked('<dfn>mean</dfn> <dfn\n title="mean">another\n word</dfn> $explanations')
    assert html.count('popovertarget="word-mean"') == 2
    assert ">another word</button>" in html
    assert html.count('id="word-mean"') == 1
    assert words()["mean"] in html


def test_a_word_that_nobody_explains_stops_the_page():
    with pytest.raises(KeyError, match="decades"):
        glossary.linked("<dfn>decades</dfn> $explanations")


def test_each_term_of_the_page_is_explained_and_each_explanation_used():
    html = markup("", info().to_dict() | {"checkpoint_id": json.loads(JUDGED)["weights"]})
    assert "<dfn" not in html
    assert "$explanations" not in html
    unused = {term for term in words() if f'popovertarget="{glossary.name(term)}"' not in html}
    assert unused == {"steps"}, "the form of the settings has that word, and it cannot hold a button"


JUDGED = (scenes.PAGE / "figures.json").read_text("utf-8")


def test_a_scene_says_of_the_model_what_its_description_says():
    other = info().to_dict() | {"bytes_per_token": 6, "numbers_per_token": 12, "lengths": (0, 1, 2, 77)}
    html = scenes.markup(other)
    assert "is 6 bytes" in html
    assert "is 12 numbers of 4 bits" in html
    assert "Show all 77 tokens" in html
    assert "k=77&amp;mode=sample" in html
    assert "<svg" not in html, "no figures of weights that were not judged"


@pytest.mark.parametrize("change", ["0.015", "0.357"])
def test_a_scene_s_numbers_are_the_data_s(change, monkeypatch, tmp_path):
    judged = json.loads(JUDGED)
    weights = {"checkpoint_id": judged["weights"]}
    assert f"<td>{change}</td>" in scenes.markup(info().to_dict() | weights)
    (tmp_path / "figures.json").write_text(JUDGED.replace(f'"{change}"', '"9.876"'), "utf-8")
    (tmp_path / "scenes.json").write_text((scenes.PAGE / "scenes.json").read_text("utf-8"), "utf-8")
    monkeypatch.setattr(scenes, "PAGE", tmp_path)
    changed = scenes.markup(info().to_dict() | weights)
    assert "<td>9.876</td>" in changed
    assert f"<td>{change}</td>" not in changed
