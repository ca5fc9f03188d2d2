"""A message as the encoder should read it: emoji and emoticons as words, and without what only looks like words.

The encoder's vocabulary has no emoji, though they often carry the whole mood; names of accounts and addresses of pages fall
into meaningless pieces, and hashtags are sentences without spaces.
"""

from __future__ import annotations

import html
import re
import unicodedata

_EMOTICONS = {
    ":)": "smiling face", ":-)": "smiling face", "(:": "smiling face", ":d": "grinning face", ":-d": "grinning face",
    ";)": "winking face", ";-)": "winking face", "<3": "love heart",
    ":(": "sad face", ":-(": "sad face", "):": "sad face", ":'(": "crying face", ">:(": "angry face", ":/": "annoyed face",
    ":-/": "annoyed face",
}  # fmt: skip
_EMOTICON = re.compile(
    r"(?<!\S)(?:" + "|".join(re.escape(sign) for sign in _EMOTICONS) + r")(?=[\s.,!?]|$)", re.IGNORECASE
)
_MODIFIERS = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]")
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")


def spell_signs(text: str) -> str:
    """Replace emoticons and emoji by their names ("pouting face"); skin tones and joiners go."""
    text = _MODIFIERS.sub("", text)
    text = _EMOTICON.sub(lambda match: f" {_EMOTICONS[match[0].lower()]} ", text)
    return _EMOJI.sub(lambda match: f" {unicodedata.name(match[0], '').lower()} ", text)


_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLES_FIRST = re.compile(r"^[\s.]*(?:@\w{2,}\b[\s,:]*)+(?=\S)")
_HANDLE = re.compile(r"(?<![\w.])@(?=\w{2,})")
_HASHTAG = re.compile(r"(?<!\w)#([A-Za-z]\w+)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_DRAWN_OUT = re.compile(r"([A-Za-z])\1{2,}")


def readable(text: str) -> str:
    """The text with signs spelled out, the accounts that a post is addressed to left out, links and hashtags as words."""
    text = _LINK.sub("link", html.unescape(text))
    text = _HANDLES_FIRST.sub("", text)
    text = _HANDLE.sub("", text)
    text = _HASHTAG.sub(lambda match: _CAMEL.sub(" ", match[1]), text)
    return spell_signs(_DRAWN_OUT.sub(r"\1\1", text))
