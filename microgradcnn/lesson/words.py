"""What a teacher writes about a course, in Markdown: its title, words for every network, and errata; as HTML.

    # The course's title

    Words for the index: paragraphs, - lists, **bold**, *emphasis*, `code`, [links](page.html).

    ## softmax: A title for the page of softmax

    Words at the top of it.

    ### Errata

    - What the book writes. Teacher: What is meant, for the teacher's edition. Student: What is asked, for the other.

    ### Trained on data

    Words in the section of the page with that title; `### Errata: Trained on data` are errata in it.

Several names, `## a, b`, share what follows. Nothing of it is run, or taken for HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from microgradcnn.views.pages.assets import asset

ERRATA = "errata"
OPENING = "network"  # the section that a page begins with
_FORMER = {"the loss as a landscape": "landscape"}  # titles that sections had once
_HEADING = re.compile(r"(#{1,3}) +(.*\S)")
# Small or large, set off or not, with a dash where a sentence begins: too much rather than too little is kept back.
_WHOSE = r"(?P<{0}open>[*_]*)(?<![^\W_])(?P<{0}whose>teacher|student)s?(?![^\W_])(?P<{0}close>[*_]*)"
_EDITION = re.compile(
    rf"(?i){_WHOSE.format('')}\s*:(?P<after>[*_]*)\s*|(?:^|(?<=[.!?:;)]\s)){_WHOSE.format('dash_')}\s*[-–—]\s*"
)
_TITLED = re.compile(r'<section id="(\w+)"[^>]*><h2[^>]*>(.*?)</h2>')
_ITEM = re.compile(r"\s*(?:([-*+])|\d+[.)]) +")
_INLINE = re.compile(  # code first: nothing is read in it
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*(?!\*)|\*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*"
    r"|\[(?P<link>[^\]]+)\]\((?P<target>[^()\s]+)\)"
    r"|\b(?P<hat>d?)(?:y_hat)(?P<of>_\d+)?\b|\b(?P<letter>d?[^\W\d_])_(?P<index>\w{1,3})\b"
)
_ADDRESS = re.compile(r"https?://|mailto:|[\w./-]*(?:#[\w-]*)?$")  # what a link may lead to


@dataclass(frozen=True)
class Passage:
    """What stands under a heading: the names that it is about, a title, and the Markdown of each of its sections.

    The words before any `###` are the section "".
    """

    names: tuple[str, ...]
    title: str
    sections: dict[str, str]


@dataclass(frozen=True)
class Words:
    """What is written about a course: the part of the course itself, the first, and those of its networks."""

    parts: tuple[Passage, ...] = (Passage((), "", {}),)

    @property
    def title(self) -> str:
        """The course's title, "" if it has none."""
        return self.parts[0].title

    @property
    def names(self) -> list[str]:
        """All names that something is written about."""
        return list(dict.fromkeys(name for part in self.parts for name in part.names))

    @property
    def sections(self) -> list[str]:
        """The names of all sections of pages that something is written for, errata as well."""
        found = [name.removeprefix(f"{ERRATA}: ") for part in self.parts[1:] for name in part.sections]
        return list(dict.fromkeys(name for name in found if name not in ("", ERRATA)))

    @property
    def index_sections(self) -> list[str]:
        """The names of the sections of the index that something is written for."""
        return [name for name in self.parts[0].sections if name and not name.startswith(ERRATA)]

    def and_also(self, others: Words) -> Words:
        """These words, and those of others about networks."""
        first = self.parts[0] if self.parts[0].title or self.parts[0].sections else others.parts[0]
        return Words((first, *self.parts[1:], *others.parts[1:]))

    def title_of(self, name: str) -> str:
        """The title of a network's page: its name, unless there is another."""
        return next((part.title for part in self.parts if name in part.names and part.title), name)

    def about(self, name: str, student: bool, section: str = "") -> str:
        """What is written about a network for a section of its page, as HTML."""
        return "".join(as_html(text, student) for text in self._of(name, section))

    def noted(self, name: str, student: bool, section: str = "") -> str:
        """The errata of a section of a network's page in a box, as HTML; nothing where there are none."""
        texts = self._of(name, f"{ERRATA}: {section}" if section else ERRATA)
        items = [item for text in texts for item in _items(text, student)]
        return f'<div class="note">{"".join(f"<p>{item}</p>" for item in items)}</div>' if items else ""

    def course(self, student: bool, section: str = "") -> str:
        """What is written about the course for a section of its index, as HTML."""
        return as_html(self.parts[0].sections.get(section.lower(), ""), student)

    def of_section(self, student: bool, section: str) -> str:
        """What is written for a section of every page, as HTML: nothing for the one that a page begins with."""
        return as_html(self.parts[0].sections.get(section, ""), student) if section else ""

    def errata(self, student: bool) -> list[str]:
        """All errata in their order, the same one once, as HTML."""
        return list(self.errata_about(student))

    def errata_about(self, student: bool) -> dict[str, list[str]]:
        """All errata in their order, as HTML, and the names that each is about."""
        found: dict[str, list[str]] = {}
        for part in self.parts:
            texts = [text for name, text in part.sections.items() if name.startswith(ERRATA)]
            for item in (item for text in texts for item in _items(text, student)):
                names = found.setdefault(item, [])
                names += [name for name in part.names if name not in names]
        return found

    def _of(self, name: str, section: str) -> list[str]:
        """The Markdown of a section of a network's page."""
        return [part.sections[section] for part in self.parts if name in part.names and section in part.sections]


def read_words(text: str) -> Words:
    """The words of a Markdown text."""
    parts, section, fenced = [Passage((), "", {})], "", False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else _HEADING.match(line)
        if heading is None:
            parts[-1].sections[section] = parts[-1].sections.get(section, "") + f"{line}\n"
            continue
        level, words = heading.groups()
        section = _section(words) if level == "###" else ""
        if level == "#":
            parts[0] = Passage((), words, parts[0].sections)
        elif level == "##":
            names, _, title = words.partition(":")
            parts.append(Passage(tuple(name.strip() for name in names.split(",")), title.strip(), {}))
    return Words(tuple(parts))


@cache
def section_titles() -> dict[str, str]:
    """The titles that the sections of a page have, by their names, in their order; but for its errata."""
    return {name: title for name, title in titles_in(asset("lesson/network.html")).items() if name != ERRATA}


def titles_in(page: str) -> dict[str, str]:
    """The titles of the sections of a page in HTML, by their names, in their order."""
    return dict(_TITLED.findall(page))


@cache
def scene_words() -> Words:
    """The words of the scenes that stand on every page where a course has none of its own, from scenes.md."""
    return read_words(files("microgradcnn.lesson").joinpath("scenes.md").read_text(encoding="utf-8"))


def _section(heading: str) -> str:
    """The name of the section that a heading is about, by its name or its title: "errata: training", "" the first."""
    words, errata = " ".join(heading.lower().split()), f"{ERRATA}: "
    about = words.removeprefix(errata)
    name = (_FORMER | {title.lower(): name for name, title in section_titles().items()}).get(about, about)
    name = "" if name == OPENING else name
    return (errata + name if name else ERRATA) if words.startswith(errata) else name


def as_html(text: str, student: bool) -> str:
    """Markdown as HTML for an edition: paragraphs, lists, code between fences; tags in it are shown as they stand."""
    return "".join(_block(kind, texts, student) for kind, texts in _blocks(text))


def as_line(text: str) -> str:
    """A title as HTML, with no more of Markdown than `code`."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _blocks(text: str) -> list[tuple[str, list[str]]]:
    """A paragraph "p" or code "pre" with its text, a list "ul" or "ol" with its items; in their order."""
    blocks: list[tuple[str, list[str]]] = []
    fenced, fresh = False, True
    for line in text.splitlines():
        item = _ITEM.match(line)
        if line.startswith("```"):
            fenced, fresh = not fenced, True
            blocks += [("pre", [""])] if fenced else []
        elif fenced:
            blocks[-1][1][-1] += f"{line}\n"
        elif not line.strip():
            fresh = True
        elif item is not None:
            kind, fresh = ("ul" if item[1] else "ol"), False
            if not blocks or blocks[-1][0] != kind:
                blocks.append((kind, []))
            blocks[-1][1].append(line[item.end() :])
        elif fresh and line[:1].isspace() and blocks and blocks[-1][0] in ("ul", "ol"):
            blocks[-1][1][-1] += f" {line.strip()}"  # of the item above
        elif fresh:
            blocks.append(("p", [line.strip()]))
            fresh = False
        else:
            blocks[-1][1][-1] += f" {line.strip()}"
    return blocks


def _block(kind: str, texts: list[str], student: bool) -> str:
    if kind == "pre":
        return f"<pre>{escape(texts[0].rstrip())}</pre>"
    inside = [html for text in texts if (html := _inline(_for(text, student)))]
    if kind != "p":
        inside = [f"<li>{html}</li>" for html in inside]
    return f"<{kind}>{''.join(inside)}</{kind}>" if inside else ""


def _items(text: str, student: bool) -> list[str]:
    """The items of all lists, as HTML, and paragraphs as if they were some."""
    texts = [text for kind, texts in _blocks(text) if kind != "pre" for text in texts]
    return [html for text in texts if (html := _inline(_for(text, student)))]


def _for(text: str, student: bool) -> str:
    """What an edition has of a text: what stands before any `Teacher:` or `Student:`, and what stands after its own."""
    marks = [*_EDITION.finditer(text)]
    ends = [*(mark.start() for mark in marks), len(text)]
    told = [text[: ends[0]]]
    for mark, end in zip(marks, ends[1:], strict=True):
        found = {name.removeprefix("dash_"): words for name, words in mark.groupdict().items() if words is not None}
        if (found["whose"].lower() == "student") == student:
            closed = found["close"] + found.get("after", "")
            told.append(("" if closed else found["open"]) + text[mark.end() : end].strip())
    return " ".join(piece.strip() for piece in told).strip()


def _inline(text: str) -> str:
    """A line of Markdown as HTML; x_1 has its index low."""
    pieces, end = [], 0
    for found in _INLINE.finditer(text):
        pieces += [escape(text[end : found.start()]), _marked(found)]
        end = found.end()
    return "".join([*pieces, escape(text[end:])])


def _marked(found: re.Match[str]) -> str:
    if found["code"]:
        return f"<code>{escape(found['code'])}</code>"
    if found["hat"] is not None:
        return f"{found['hat']}ŷ" + (f"<sub>{found['of'][1:]}</sub>" if found["of"] else "")
    if found["letter"]:
        return f"{found['letter']}<sub>{found['index']}</sub>"
    if found["target"]:
        words = _inline(found["link"])
        return f'<a href="{escape(found["target"])}">{words}</a>' if _ADDRESS.match(found["target"]) else words
    tag = "strong" if found["strong"] else "em"
    return f"<{tag}>{_inline(found[tag])}</{tag}>"
