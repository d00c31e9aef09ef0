"""The page's glossary: what it says of its own words, behind each of them.

docs/words.md is the one source; `python -m studies.build_words` copies its table *On the page* to
page/words.json. In the page's HTML a term is `<dfn>mean</dfn>`, or `<dfn title="mean">another word</dfn>`
where the sentence needs it; here it becomes a button that opens what the browser shows above the page.
"""

import json
import re
from html import escape
from pathlib import Path

WORDS: dict[str, str] = json.loads((Path(__file__).parent / "page" / "words.json").read_text("utf-8"))
TERM = re.compile(r'<dfn(?:\s+title="(?P<term>[^"]+)")?\s*>(?P<shown>[^<]+)</dfn\s*>')


def name(term: str) -> str:
    """An element's id."""
    return "word-" + re.sub(r"\W+", "-", term.lower()).strip("-")


def linked(html: str) -> str:
    """The same, each `<dfn>` a button that opens its explanation, and the explanations behind it.

    Raises:
        KeyError: docs/words.md has no such word.
    """
    used: dict[str, None] = {}

    def button(found: re.Match[str]) -> str:
        shown = " ".join(found["shown"].split())
        term = found["term"] or shown
        used[term] = None
        return f'<button type="button" class="term" popovertarget="{name(term)}">{shown}</button>'

    page = TERM.sub(button, html)
    return page.replace("$explanations", "".join(map(explained, used)))


def explained(term: str) -> str:
    """What a term's button opens."""
    words = escape(WORDS[term])
    return f'<div popover class="word" id="{name(term)}"><p><b>{escape(term)}</b>: {words}</p></div>'


def listed() -> str:
    """All of them, as Markdown."""
    return "\n".join(f"- **{term}**: {words}" for term, words in WORDS.items())
