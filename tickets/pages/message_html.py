"""HTML of a customer's message made safe to show, in a frame that can neither run scripts nor reach the page around it.

The stored HTML is never changed. Three things stand between it and the reader: nh3 with a short list of what may stay, a
content security policy of the frame's own that forbids everything but styles and pictures, and the sandbox of the frame.
"""

import base64
from collections.abc import Iterable
from urllib.parse import urlsplit

import nh3

from tickets.channels.email.html_text import read_html
from tickets.channels.email.limits import MAX_HTML_BYTES, MAX_HTML_DEPTH, MAX_LINKS
from tickets.downloads import PICTURE_TYPES
from tickets.file_scans import verdict_of
from tickets.models import Attachment
from tickets.stored_files import read_file

MAX_INLINE_BYTES = 1024 * 1024
MAX_INLINE_TOTAL_BYTES = 5 * 1024 * 1024
# Formats that a browser draws and that hold no script.

_TAGS = frozenset((
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd",
    "del", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins",
    "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "wbr",
))  # fmt: skip
_DROPPED_WITH_CONTENT = frozenset(
    {"script", "style", "title", "noscript", "template", "textarea", "select", "svg", "math"}
)
_LAYOUT = {"align", "valign", "bgcolor", "width", "height", "style", "dir", "lang", "title"}
_ATTRIBUTES = {
    "*": _LAYOUT,
    "a": {"href"},
    "img": {"src", "alt"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start", "type"},
    "col": {"span"},
}
# Colours, type and boxes; nothing that loads, moves out of its place or covers the page.
_STYLES = frozenset((
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
    "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width",
    "color", "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing",
    "line-height", "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right",
    "margin-top", "max-width", "min-width", "padding", "padding-bottom", "padding-left", "padding-right",
    "padding-top", "text-align", "text-decoration", "text-indent", "text-transform", "vertical-align",
    "white-space", "width", "word-break",
))  # fmt: skip
_SCHEMES = frozenset({"http", "https", "mailto", "tel", "cid", "data"})


class TooComplex(ValueError):
    """The HTML is too large, too deep or holds too many links to be shown; its text is still readable."""


def safe_document(html: str, *, pictures: dict[str, str], remote_images: bool) -> str:
    """Return a whole document with the message, safe to put into the frame.

    ``pictures`` maps Content-IDs to ``data:`` addresses. Without ``remote_images`` pictures from elsewhere lose their
    address, so that opening a message tells nobody. Raises TooComplex.
    """
    if len(html.encode("utf-8", "replace")) > MAX_HTML_BYTES:
        raise TooComplex("too large")
    shape = read_html(html)
    if shape.depth > MAX_HTML_DEPTH or shape.links > MAX_LINKS:
        raise TooComplex("too deep or too many links")

    def attribute(tag: str, name: str, value: str) -> str | None:
        if tag == "img" and name == "src":
            return _picture_address(value, pictures, remote_images)
        if name == "href":
            return value if _scheme_of(value) in {"http", "https", "mailto", "tel"} else None
        return value

    body = nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=attribute,
        filter_style_properties=set(_STYLES),
        url_schemes=set(_SCHEMES),
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
    )
    return _DOCUMENT.replace("{body}", body)


_FRAME_STYLE = (
    "html{background:#fff;color:#1c2024}body{margin:8px;font:13px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "img,table{max-width:100%}img:not([src]){display:none}blockquote{margin:0 0 0 8px;padding-left:8px;"
    "border-left:2px solid #d5d9e0;color:#5b6470}pre{white-space:pre-wrap}"
)
_DOCUMENT = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    f"<style>{_FRAME_STYLE}</style></head><body>{{body}}</body></html>"
)


def _scheme_of(address: str) -> str:
    """The scheme of an address in lower case; empty when it has none or cannot be read."""
    try:
        return urlsplit(address.strip()).scheme.lower()
    except ValueError:
        return ""


def _picture_address(address: str, pictures: dict[str, str], remote_images: bool) -> str | None:
    scheme = _scheme_of(address)
    if scheme == "cid":
        return pictures.get(address.strip()[4:].strip("<>"))
    if scheme == "data":
        kind = address.strip()[5:].partition(",")[0].partition(";")[0].lower()
        return address if kind in PICTURE_TYPES else None
    return address if remote_images and scheme in {"http", "https"} else None


def has_remote_images(html: str) -> bool:
    """Whether a message asks for pictures from elsewhere; looks at the start of it only."""
    start = html[:200_000].lower()
    return "<img" in start and any(f"src={quote}http" in start for quote in ('"', "'", ""))


def inline_pictures(attachments: Iterable[Attachment]) -> dict[str, str]:
    """Return small inline pictures by Content-ID as ``data:`` addresses: the frame may load nothing with the cookies.

    The attachments come with their verdict; one that is held back is left out.
    """
    pictures: dict[str, str] = {}
    total = 0
    for one in attachments:
        if not one.content_id or one.content_type not in PICTURE_TYPES or one.size > MAX_INLINE_BYTES:
            continue
        if verdict_of(one).hold():
            continue
        total += one.size
        if total > MAX_INLINE_TOTAL_BYTES:
            break
        try:
            content = read_file(one.storage_key)
        except (FileNotFoundError, ValueError):
            continue
        encoded = base64.b64encode(content).decode()
        pictures[one.content_id.strip("<>")] = f"data:{one.content_type};base64,{encoded}"
    return pictures
