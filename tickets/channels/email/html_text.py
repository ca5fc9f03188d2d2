"""HTML of a mail to readable text, and the counts its caps need, in one pass that never looks back.

This is for reading, searching and classifying. It is no sanitiser: what is shown as HTML goes through nh3 at
render time, and only when ``HtmlShape`` says that it is small and flat enough for that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from tickets.channels.email import limits

_MARKUP_START = re.compile(r"<(?:[!?]|/?[A-Za-z])")
_HUGE_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9:-]{0,40}")
_ANY_TAG = re.compile(r"<[^<>]*+>?+")
_TAG_STOP = re.compile(r"[\"'>]")
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_HIDDEN = ("script", "style", "title", "template", "noscript")
_END_OF_HIDDEN = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _HIDDEN}
# Editors indent by a blockquote without a bar; nobody is quoted there.
_INDENT = re.compile(r"""style\s*=\s*["'][^"'>]{0,300}border(?:-left)?:\s*(?:none|0)""", re.IGNORECASE)
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr"
))  # fmt: skip
# Their end tag may be left out, so an open one says nothing about depth.
_SELF_ENDING = frozenset((
    "p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "optgroup", "dt", "dd",
    "colgroup", "rp", "rt"
))  # fmt: skip
_PARAGRAPH = frozenset((
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre", "hr"
))  # fmt: skip
_LINE = frozenset((
    "br", "div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "address", "center",
    "form"
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class HtmlShape:
    """What the caps look at: links and tags counted, deepest nesting, and the readable text."""

    text: str
    links: int
    depth: int
    tags: int


def read_html(html: str, max_tags: int = limits.MAX_HTML_TAGS) -> HtmlShape:
    """Text, number of links and nesting depth of ``html``. Total, linear; quoted blocks are marked with ``> ``.

    What follows the first ``max_tags`` tags is read as words only: its tags are dropped without a look at them.
    """
    writer = _TextWriter()
    nesting = _Nesting()
    links, tags = 0, 0
    position, end = 0, len(html)
    last_quote = {'"': html.rfind('"'), "'": html.rfind("'")}
    never_closed: set[str] = set()
    while position < end:
        opening = _MARKUP_START.search(html, position)
        if opening is None:
            writer.text(html[position:])
            break
        writer.text(html[position : opening.start()])
        tags += 1
        if tags > max_tags:
            writer.text(_ANY_TAG.sub(" ", html[opening.start() :]))
            break
        if opening[0] in ("<!", "<?"):
            position = _after_markup(html, opening.start())
            continue
        closing = opening[0][1] == "/"
        match = _TAG_NAME.match(html, opening.end() - 1)
        name = match[0].lower() if match else ""
        position = _after_tag(html, opening.end(), last_quote)
        if name == "blockquote":
            writer.quote(closing, quoted=not _INDENT.search(html, opening.end(), position))
        if closing:
            nesting.close(name)
        else:
            links += name == "a"
            if html[position - 2 : position - 1] != "/":
                nesting.open(name)
            if name in _HIDDEN and name not in never_closed:
                after = _after_hidden(html, name, position)
                if after is None:
                    never_closed.add(name)
                    continue
                position = after
                nesting.close(name)
        writer.tag(name, closing)
    return HtmlShape(writer.result(), links, nesting.deepest, tags)


class _Nesting:
    """How deep elements stand in each other, without a stack: an end tag closes one open tag of its name."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._depth = 0
        self.deepest = 0

    def open(self, name: str) -> None:
        if name not in _VOID and name not in _SELF_ENDING:
            self._open[name] = self._open.get(name, 0) + 1
            self._depth += 1
            self.deepest = max(self.deepest, self._depth)

    def close(self, name: str) -> None:
        if self._open.get(name):
            self._open[name] -= 1
            self._depth -= 1


def _after_markup(html: str, position: int) -> int:
    """The position after a comment, doctype or conditional that starts at ``position``."""
    terminator = "-->" if html.startswith("<!--", position) else ">"
    found = html.find(terminator, position + 2)
    return len(html) if found < 0 else found + len(terminator)


def _after_tag(html: str, position: int, last_quote: dict[str, int]) -> int:
    """The position after the ``>`` that ends a tag; one inside a quoted attribute does not count."""
    while stop := _TAG_STOP.search(html, position):
        position = stop.end()
        if stop[0] == ">":
            return position
        # A quote opens a value only after "=", and one that is never closed is an ordinary character.
        if html[stop.start() - 1] == "=" and last_quote[stop[0]] >= position:
            position = html.find(stop[0], position) + 1
    return len(html)


def _after_hidden(html: str, name: str, position: int) -> int | None:
    """The position after an element whose text is not for reading; None when it has no end tag."""
    found = _END_OF_HIDDEN[name].search(html, position)
    if found is None:
        return None
    stop = html.find(">", found.end())
    return len(html) if stop < 0 else stop + 1


class _TextWriter:
    """Collects text with line breaks where block elements stand and ``> `` before quoted lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._current: list[str] = []
        self._size = 0
        self._quotes: list[bool] = []
        self._open_quotes = 0
        self._quote = 0
        self._preformatted = 0

    def text(self, text: str) -> None:
        if not text or self._size > limits.MAX_TEXT_CHARS:
            return
        # int() refuses references of thousands of digits with an exception.
        text = unescape(_HUGE_REFERENCE.sub("\ufffd", text))
        if self._preformatted:
            *whole, last = text.replace("\r\n", "\n").split("\n")
            for line in whole:
                self._current.append(line)
                self._break(force=True)
            text = last
        else:
            text = _SPACE.sub(" ", text)
        self._size += len(text)
        if text:
            self._current.append(text)

    def quote(self, closing: bool, *, quoted: bool) -> None:
        """A blockquote begins or ends; what follows is ``quoted`` from the next ``tag`` on."""
        if not closing:
            self._quotes.append(quoted)
            self._open_quotes += quoted
        elif self._quotes:
            self._open_quotes -= self._quotes.pop()

    def tag(self, name: str, closing: bool) -> None:
        if name in _PARAGRAPH:
            self._break()
            if name == "blockquote":
                self._quote = min(20, self._open_quotes)
            self._break(force=not self._lines or self._lines[-1].strip("> ") != "")
        elif name in _LINE:
            self._break(force=name == "br")
        elif name in ("td", "th") and not closing and self._current:
            self._current.append(" ")
        if name == "pre":
            self._preformatted = max(0, self._preformatted + (-1 if closing else 1))
        elif name == "li" and not closing:
            self._current.append("- ")

    def _break(self, force: bool = False) -> None:
        line = "".join(self._current)
        line = line.rstrip() if self._preformatted else " ".join(line.split(" ")).strip()
        self._current.clear()
        if line or force:
            self._lines.append(("> " * self._quote + line).rstrip())

    def result(self) -> str:
        self._break()
        text = "\n".join(self._lines)
        return _BLANK_LINES.sub("\n\n", text).strip()[: limits.MAX_TEXT_CHARS]
