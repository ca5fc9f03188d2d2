"""Emoji and emoticons as words: the encoder's vocabulary has none of them, and they often carry the whole mood."""

from __future__ import annotations

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
