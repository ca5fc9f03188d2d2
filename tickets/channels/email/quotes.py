"""Finds the parts of a mail's text that a reader has seen before: quoted history and signatures.

Nothing is removed: the result is offsets into the unchanged text, which pages fold and models skip.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_INTRODUCTION_START = re.compile(
    r"^(on|am|le|el|il|em|op|den|dnia|p[aå]|ma|w dniu|v|kl|le)\b.{0,400}$"
    r"|^.{0,200}\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b.{0,200}$"
    r"|^\S.{0,120}<[^<>\s]{3,120}>.{0,40}$"
    r"|^[^>\s].{0,100}\b(wrote|writes|schrieb):?$",
    re.IGNORECASE,
)
_INTRODUCTION_END = re.compile(
    r"\b(wrote|writes|said|schrieb|geschrieben|a [eé]crit|escribi[oó]|escreveu|ha scritto|scrisse|schreef|skrev"
    r"|napisa[lł]\(?a?\)?|kirjoitti|написал\(?а?\)?|пише)\b[^\n]{0,80}:?\s*$"
    r"|(写道|寫道|のメッセージ|작성)\s*[:：]\s*$",
    re.IGNORECASE,
)
_ORIGINAL_MARK = re.compile(
    r"^\s*[-_*]{2,}\s*(original message|original appointment|reply message|urspr[uü]ngliche nachricht"
    r"|message d'origine|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht"
    r"|ursprungligt meddelande|wiadomo[sś][cć] oryginalna)\s*[-_*]*\s*$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s*_{10,}\s*$")
_LIST_FOOTER = re.compile(r"mailing list|unsubscribe", re.IGNORECASE)
_FIELD = re.compile(
    r"^\s*\*?(?P<label>from|von|de|da|van|fr[aå]n|od|sent|gesendet|envoy[eé]|enviado(?: el)?|inviato|verzonden|skickat"
    r"|date|datum|data|fecha|to|an|[àa]|para|aan|till|do|cc|kopie|subject|betreff|objet|asunto|assunto|oggetto|onderwerp"
    r"|[aä]mne|temat|reply-to|wys[lł]ano|от|отправлено|кому|тема|дата)\*?\s?:\*?\s?",
    re.IGNORECASE,
)
_FROM_LABELS = frozenset(("from", "von", "de", "da", "van", "från", "fran", "od", "от"))
_SIGNATURE_MARK = re.compile(r"^--\s?$|^—\s?$")
_SENT_FROM = re.compile(
    r"^-\s?[A-Z][\w.]{1,20}( [A-Z][\w.]{1,20}){0,2}$"
    r"|^\s*(?i:sent from my \S+(\s\S+){0,5}|(gesendet|von) .{0,20}(meinem|iphone|ipad|handy|samsung).{0,40}"
    r"|envoy[eé] (de|depuis) mon .{1,30}|enviado (desde|do) (mi|meu) .{1,30}|inviato da(l mio)? .{1,30}"
    r"|get outlook for (ios|android).{0,40})\s*$",
)
_MAX_LINES = 20_000
_INTRODUCTION_LINES = 4
_SIGNATURE_LINES = 12


class Fold(NamedTuple):
    """A stretch ``text[start:end]`` to fold; ``kind`` is ``quote`` or ``signature``."""

    start: int
    end: int
    kind: str


def fold_quotes(text: str) -> list[Fold]:
    """The folds of ``text``, in order and disjoint. Offsets count characters.

    Lines with ``>`` fold block by block, so answers written between them stay visible. History without marks
    (Outlook's header block, "Original Message") folds to the end. Nothing folds when nothing would be left.
    """
    lines = _lines(text)
    kinds = _line_kinds([text[start:end] for start, end in lines])
    folds: list[Fold] = []
    index = 0
    while index < len(lines):
        kind = kinds[index]
        if not kind:
            index += 1
            continue
        last = index
        for following in range(index + 1, len(lines)):
            if kinds[following] == kind:
                last = following
            elif text[slice(*lines[following])].strip():
                break
        folds.append(Fold(lines[index][0], lines[last][1], kind))
        index = last + 1
    return folds if visible_text(text, folds) else []


def visible_text(text: str, folds: list[Fold]) -> str:
    """What is left when the folds are skipped: the part the sender wrote for this message, stripped."""
    pieces, position = [], 0
    for start, end, _ in folds:
        pieces.append(text[position:start])
        position = end
    pieces.append(text[position:])
    return "\n\n".join(piece.strip("\n") for piece in pieces if piece.strip()).strip()


def has_inline_replies(text: str, folds: list[Fold]) -> bool:
    """Whether the sender answered between quoted lines, so that the quotes are needed to read the answers."""
    quotes = [fold for fold in folds if fold.kind == "quote"]
    if not quotes:
        return False
    signature_start = next((fold.start for fold in folds if fold.kind == "signature"), len(text))
    after = [text[first.end : second.start] for first, second in pairwise(quotes)] + [
        text[quotes[-1].end : max(quotes[-1].end, signature_start)]
    ]
    return any(piece.strip() for piece in after)


def _lines(text: str) -> list[tuple[int, int]]:
    """(start, end) of the lines without their newline; a text of very many lines is looked at up to a cap."""
    found: list[tuple[int, int]] = []
    position = 0
    while position <= len(text) and len(found) < _MAX_LINES:
        newline = text.find("\n", position)
        end = len(text) if newline < 0 else newline
        found.append((position, end))
        position = end + 1
    return found


def _line_kinds(lines: list[str]) -> list[str]:
    """For every line ``quote``, ``signature`` or an empty string."""
    kinds = ["quote" if line.lstrip(" ").startswith(">") else "" for line in lines]
    for index, line in enumerate(lines):
        if kinds[index] or not line.strip():
            continue
        introduced = _introduction_length(lines, kinds, index)
        if introduced:
            unmarked = not _quoted_after(kinds, lines, index + introduced)
            stop = len(lines) if unmarked else index + introduced
            kinds[index:stop] = ["quote"] * (stop - index)
        elif _starts_unmarked_history(lines, index):
            kinds[index:] = ["quote"] * (len(lines) - index)
            break
    _mark_signatures(lines, kinds)
    return kinds


def _introduction_length(lines: list[str], kinds: list[str], index: int) -> int:
    """How many lines from ``index`` form "On … somebody wrote:"; 0 when they do not."""
    first = lines[index].strip()
    if len(first) > 500 or not _INTRODUCTION_START.match(first):
        return 0
    for length in range(1, _INTRODUCTION_LINES + 1):
        if index + length > len(lines) or kinds[index + length - 1]:
            return 0
        line = lines[index + length - 1].strip()
        if not line or len(line) > 500:
            return 0
        if _INTRODUCTION_END.search(line):
            # Without a quoted line below it needs the colon, or prose would fold.
            quoted = _quoted_after(kinds, lines, index + length)
            colon = line.endswith((":", "："))
            dated = any(character.isdigit() for character in "".join(lines[index : index + length]))
            return length if quoted or (colon and dated) else 0
    return 0


def _quoted_after(kinds: list[str], lines: list[str], index: int) -> bool:
    for position in range(index, min(index + 3, len(lines))):
        if kinds[position] == "quote":
            return True
        if lines[position].strip():
            return False
    return False


def _starts_unmarked_history(lines: list[str], index: int) -> bool:
    """Outlook's separators and header blocks: everything from here is the earlier mail."""
    line = lines[index]
    if _ORIGINAL_MARK.match(line):
        return True
    if _RULE.match(line):
        following = next((n for n in range(index + 1, min(index + 4, len(lines))) if lines[n].strip()), 0)
        return following > 0 and _is_header_block(lines, following)
    return _is_header_block(lines, index)


def _is_header_block(lines: list[str], index: int) -> bool:
    """Three different mail fields under each other, the sender among them."""
    labels: set[str] = set()
    for line in lines[index : index + 8]:
        match = _FIELD.match(line)
        if match is None and (not labels or not line.strip()):
            break
        if match is not None:
            labels.add(match["label"].lower())
    return len(labels) >= 3 and not labels.isdisjoint(_FROM_LABELS)


def _mark_signatures(lines: list[str], kinds: list[str]) -> None:
    """A signature runs from its mark to the end of the mail or to the next quote, and is short."""
    for index in range(len(lines)):
        if kinds[index]:
            continue
        stop = next(
            (n for n in range(index, min(index + _SIGNATURE_LINES + 1, len(lines))) if kinds[n]), None
        )
        if stop is None and index + _SIGNATURE_LINES >= len(lines):
            stop = len(lines)
        if stop is not None and _opens_signature(lines[index:stop]):
            kinds[index:stop] = ["signature"] * (stop - index)
    # "Sent from my phone" counts only as the last words; in the middle of a text it is a sentence.
    for index in range(len(lines) - 1, -1, -1):
        if kinds[index] or not lines[index].strip():
            continue
        if not _SENT_FROM.match(lines[index]):
            break
        kinds[index] = "signature"


def _opens_signature(lines: list[str]) -> bool:
    """Whether the first of ``lines`` is a signature mark or the rule above a mailing list's footer."""
    if _SIGNATURE_MARK.match(lines[0]):
        return True
    return _RULE.match(lines[0]) is not None and any(_LIST_FOOTER.search(line[:200]) for line in lines[1:4])
