"""The languages that a ticket can be said to be in."""

from django.conf.locale import LANG_INFO

# What support is asked in most; any other code can be set by REST.
OFFERED = (
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja", "ko",
    "lt", "lv", "nb", "nl", "pl", "pt", "pt-br", "ro", "ru", "sk", "sl", "sv", "th", "tr", "uk", "vi", "zh-hans",
)  # fmt: skip


def language_name(code: str) -> str:
    """Return the name of a language in itself ("Deutsch"); the code when it is not known."""
    info = LANG_INFO.get(code) or LANG_INFO.get(code.partition("-")[0])
    name = str((info or {}).get("name_local") or code)
    return name[:1].upper() + name[1:]


def language_choices(present: str = "") -> list[tuple[str, str]]:
    """Return (code, name) of the languages on offer, and of the present one when it is another, by name."""
    codes = {*OFFERED, present} - {""}
    return sorted(((code, language_name(code)) for code in codes), key=lambda one: one[1].casefold())
