"""Turns bytes into text whatever the sender called the encoding: alias table, then a safe codec, then replace."""

from __future__ import annotations

import codecs
import re

_ALIASES = {
    "": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "7bit": "utf-8",
    "8bit": "utf-8",
    "binary": "utf-8",
    "unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "x-unknown": "utf-8",
    "default": "utf-8",
    "utf8": "utf-8",
    "utf-8mb4": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    # What senders label Latin-1 is Windows-1252 in practice, as every browser assumes.
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "big5": "big5hkscs",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "euc-kr": "cp949",
    "ksc5601": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "koi8r": "koi8-r",
    "win-1251": "cp1251",
    "windows1251": "cp1251",
}
_NAME = re.compile(r"[a-z0-9_.:+-]{1,40}")
# Python also ships codecs that are no charsets (base64, zlib, rot13, punycode): only these families are used.
_SAFE_CODEC = re.compile(
    r"(utf|iso|cp|koi8|mac|gb|big5|euc|shift|hz|tis|ascii|johab|ptcp|kz|hp-roman|latin).*"
)


def decode_text(data: bytes, charset: str) -> str:
    """Decode ``data`` as ``charset``; an unknown or wrong name falls back to UTF-8, then Windows-1252.

    Never raises. The result holds no NUL and no lone surrogate, so every database and JSON encoder takes it.
    """
    name = charset.strip().strip("'\"").lower()
    name = _ALIASES.get(name, name)
    text = None
    codec = _codec(name)
    if codec is not None and codec != "utf-8":
        try:
            text = data.decode(codec, "replace")
        except (UnicodeError, ValueError):
            text = None
    if text is None:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            # Declared UTF-8 with a damaged byte stays UTF-8; anything undeclared is far more often Windows-1252.
            text = data.decode("utf-8" if charset.lower() in ("utf-8", "utf8") else "cp1252", "replace")
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _codec(name: str) -> str | None:
    """The canonical name of a codec that is safe to run on a stranger's bytes, or None."""
    if not _NAME.fullmatch(name):
        return None
    try:
        canonical = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return canonical if _SAFE_CODEC.fullmatch(canonical) else None
