"""What colleagues write, as HTML: a small part of Markdown. The text itself stays as typed and is what is stored.

Bold, italics, code, links, quotes and lists; no headings, pictures, tables or raw HTML. Line breaks count. The result is
cleaned again where it is shown. A backslash before a punctuation mark takes its meaning away, so that what others are called
(``literal``) gives no text a form.
"""

import re
import string

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = frozenset({"a", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "span", "strong", "ul"})
# Mentions of colleagues; nobody can write a span.
_CLASSES = {"span": {"at"}}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_MARKDOWN = MarkdownIt("zero", {"breaks": True, "html": False}).enable(
    ["emphasis", "backticks", "link", "autolink", "blockquote", "list", "fence", "newline", "escape"]
)
# Longer texts are no letter any more: they are shown as they are, so that nobody waits for them.
MOST_CHARACTERS = 100_000
_MAIL_STYLES = {
    "blockquote": "margin:0 0 8px;padding-left:10px;border-left:3px solid #d5d9e0;color:#5b6470",
    "code": "font-family:ui-monospace,monospace;font-size:13px",
    "pre": "font-family:ui-monospace,monospace;font-size:13px;white-space:pre-wrap",
    "p": "margin:0 0 10px",
    "ul": "margin:0 0 10px;padding-left:22px",
    "ol": "margin:0 0 10px;padding-left:22px",
}
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\([^)\s]{1,2000}\)")
# The spaces before and behind the mark of a list or quote end with the line: thousands of empty lines are read once.
_MARKS = re.compile(r"\*\*(?=\S)|(?<=\S)\*\*|`+|^[^\S\n]*(?:[-*>]|\d{1,3}\.)(?:[^\S\n]+|(?=\n))", re.M)
_WHOLE_LINK = re.compile(r"\[([^\]\n]{1,200})\]\(([^)\s]{1,2000})\)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:|tel:)[^<>\s]{1,2000})>")
# Strong before plain emphasis; an underscore within a word means nothing.
_EMPHASIS = (
    re.compile(r"\*\*(?=\S)([^*\n]{1,2000}?)(?<=\S)\*\*"),
    re.compile(r"\*(?=\S)([^*\n]{1,2000}?)(?<=\S)\*"),
    re.compile(r"(?<!\w)__(?=\S)([^_\n]{1,2000}?)(?<=\S)__(?!\w)"),
    re.compile(r"(?<!\w)_(?=\S)([^_\n]{1,2000}?)(?<=\S)_(?!\w)"),
)
_CODE = re.compile(r"((?<!\\)```.*?```|(?<!\\)`[^`\n]*`)", re.S)
_ESCAPE = re.compile(rf"\\([{re.escape(string.punctuation)}])")
# Stand for marks without a meaning while the others are taken out: noncharacters, which no text has.
_HIDDEN = {ord(mark): 0xFDD0 + place for place, mark in enumerate(string.punctuation)}
_SHOWN = {hidden: mark for mark, hidden in _HIDDEN.items()}
# What gives a text a form wherever it stands; the underscore only at the edge of a word, "@" where it could name somebody.
_MEANING = re.compile(
    r"[\\`*\[\]<~]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=http):|(?<=https):|(?<![\w@.+-])@", re.I
)
# What does so at the start of a line: lists and quotes.
_LEADING = re.compile(r"^(?:(>|[-+](?=\s|$))|(\d{1,9})([.)])(?=\s|$))")
_ADDRESS = re.compile(r"(?<![\w<(\[\"'=/])(https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?])")


def as_html(text: str) -> str:
    """The HTML of a text as written, safe by itself; empty for one that is too long."""
    if len(text) > MOST_CHARACTERS:
        return ""
    return safe_html(str(_MARKDOWN.render(_linked(text))))


def without_marks(text: str) -> str:
    """The text for a line of a list: no marks of form, links by their words."""
    hidden = _ESCAPE.sub(lambda escape: escape[1].translate(_HIDDEN), text)
    return _MARKS.sub("", _LINK.sub(r"\1", hidden)).translate(_SHOWN)


def literal(value: str) -> str:
    """A value as text that shows exactly its characters and forms nothing: no link, no emphasis, no list, no mention."""
    escaped = _MEANING.sub(lambda mark: f"\\{mark[0]}", value)
    return _LEADING.sub(lambda mark: f"\\{mark[1]}" if mark[1] else f"{mark[2]}\\{mark[3]}", escaped)


def without_escapes(text: str) -> str:
    """The text as plain mails and previews show it: as typed, but for the backslashes that take a mark its meaning away."""
    return "".join(
        part if place % 2 else _ESCAPE.sub(r"\1", part) for place, part in enumerate(_CODE.split(text))
    )


def as_plain(text: str) -> str:
    """The text for channels that know no form: no marks of emphasis and code, links as "words (address)"; lists and quotes keep
    theirs, which read well."""
    parts = (_bare_code(part) if place % 2 else _bare(part) for place, part in enumerate(_CODE.split(text)))
    return "".join(parts).strip()


def _bare_code(part: str) -> str:
    if part.startswith("```"):
        return "\n".join(part[3:-3].split("\n")[1:] if "\n" in part else [part[3:-3]]).strip("\n")
    return part[1:-1]


def _bare(part: str) -> str:
    hidden = _ESCAPE.sub(lambda escape: escape[1].translate(_HIDDEN), part)
    hidden = _WHOLE_LINK.sub(lambda link: link[1] if link[1] == link[2] else f"{link[1]} ({link[2]})", hidden)
    hidden = _AUTOLINK.sub(r"\1", hidden)
    for emphasis in _EMPHASIS:
        hidden = emphasis.sub(r"\1", hidden)
    return hidden.translate(_SHOWN)


def code_of(text: str) -> str:
    """What of the text is within code, piece by piece; the text is read once."""
    return "\n".join(
        token.content
        for block in _MARKDOWN.parse(_linked(text))
        for token in (block, *(block.children or ()))
        if token.type in {"fence", "code_block", "code_inline"}
    )


def safe_html(html: str) -> SafeString:
    """Stored HTML of a colleague's message, cleaned to what this module makes."""
    clean = nh3.clean(
        html,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        allowed_classes={tag: set(names) for tag, names in _CLASSES.items()},
        url_schemes=set(_SCHEMES),
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)


def as_mail_html(html: str, *, signature: str = "", header: str = "", footer: str = "") -> str:
    """A whole document for a mail: the HTML with the styles that mail programs need, the signature below.

    ``header`` and ``footer`` are the frame of the brand, plain text as the signature is.
    """
    body = str(safe_html(html))
    for tag, style in _MAIL_STYLES.items():
        body = body.replace(f"<{tag}>", f'<{tag} style="{style}">')
    font = "font-family:system-ui,sans-serif;font-size:14px;line-height:1.5"
    below = ""
    if signature:
        below = f'<p style="margin:16px 0 0;color:#5b6470">-- <br>{_lines(signature)}</p>'
    above = f'<p style="margin:0 0 16px">{_lines(header)}</p>' if header else ""
    if footer:
        below += f'<p style="margin:16px 0 0;font-size:12px;color:#5b6470">{_lines(footer)}</p>'
    return f'<!doctype html><html><body><div style="{font}">{above}{body}{below}</div></body></html>'


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _linked(text: str) -> str:
    """Bare web addresses in the form of links, outside of code."""
    return "".join(
        part if place % 2 else _ADDRESS.sub(r"<\1>", part) for place, part in enumerate(_CODE.split(text))
    )
