"""Finds the parts of a mail's text that a reader has seen before: quoted history and signatures.

Nothing is removed: the result is offsets into the unchanged text, which pages fold and models skip.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from tickets.channels.email.reply_words import is_forward_mark, is_original_mark, read_field

_VERB = (
    r"(?:wrote|writes|said|schrieb|schreibt|geschrieben|a [eé]crit|[eé]crivait|escribi[oó]|escribe|escreveu|ha scritto|scrisse"
    r"|schreef|skrev|skrevet|napisa[lł]\(?a?\)?|pisze|kirjoitti|написал\(?а?\)?|пише|пишет|написав|napsal\(?a?\)?|írta|a scris"
    r"|yazdı|έγραψε|đã viết|menulis)"
)
_INTRODUCTION_START = re.compile(
    r"^(on|am|le|el|il|em|op|den|dnia|p[aå]|ma|w dniu|v|kl)\b.{0,400}$"
    r"|^.{0,200}\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b.{0,200}$"
    r"|^\S.{0,120}<[^<>\s]{3,120}>.{0,40}$"
    rf"|^[^>\s].{{0,100}}\b{_VERB}\s?:?$",
    re.IGNORECASE,
)
_INTRODUCTION_END = re.compile(
    rf"\b{_VERB}(?!\w)[^\n]{{0,80}}:?\s*$|(写道|寫道|のメッセージ|작성)\s*[:：]\s*$", re.IGNORECASE
)
# Programs whose line above a quote has no verb ("2026/3/2 Priya <p@desk.example>") all name an address and a moment.
_ADDRESS = re.compile(r"<[^<>@]{1,100}@[^<>@]{1,100}>|\[mailto:[^\]]{3,200}\]")
_MOMENT = re.compile(
    r"\b\d{1,2}[:.h]\d{2}\b|\b\d{4}[-/.年]|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(19|20)\d\d\b"
)
_RULE = re.compile(r"^\s*([_=]{10,}|-{20,})\s*$")
_LIST_FOOTER = re.compile(r"mailing list|unsubscribe", re.IGNORECASE)
# "My answers are below": the history was edited and is to be read.
_POINTS_BELOW = re.compile(
    r"\b(answers?|comments?|repl(?:y|ies)|responses?|notes?) .{0,30}?"
    r"\b(inline|in-line|below|in (?:red|blue|green|bold|colou?r))\b"
    r"|\bsee .{0,20}?\b(inline|in-line|in (?:red|blue|green))\b"
    r"|\b(antworten?|kommentare?|anmerkungen?) .{0,30}?\b(unten|inline|in (?:rot|blau|gr[uü]n)|direkt im text)\b"
    r"|\b(r[ée]ponses?|commentaires?) .{0,30}?\b(ci-dessous|en (?:rouge|bleu|vert))\b"
    r"|\b(respuestas?|comentarios?) .{0,30}?\b(abajo|m[aá]s abajo|en (?:rojo|azul|verde))\b",
    re.IGNORECASE,
)
_SIGNATURE_MARK = re.compile(r"^--\s?$|^—\s?$")
_DASHED_NAME = re.compile(r"^\s?(-{1,2}|—)\s?[A-Z][\w.]{1,20}( [A-Z][\w.]{1,20}){0,2}$")
_INITIALS = re.compile(r"^ {0,3}([A-Z][A-Za-z]{0,3})>")
_OTHER_BARS = frozenset("|#:}%")
_LIST_ITEM = re.compile(r"^\s*[-*•–]\s")
_SENT_FROM = re.compile(
    r"^\s*(?:sent from (?:my|mail for|outlook|yahoo|samsung|proton|gmail|iphone|ipad|android|the new)\b ?(?:\S+ ?){0,6}"
    r"|sent (?:via|with) (?:my|the|outlook|proton|yahoo|samsung|blackberry)\b ?(?:\S+ ?){0,6}"
    r"|(?:gesendet|von) .{0,20}(?:meinem|iphone|ipad|handy|samsung|outlook).{0,40}"
    r"|diese nachricht wurde von meinem .{1,60} gesendet.?"
    r"|envoy[eé] (?:de|depuis|à partir de|avec) (?:mon|mail|outlook|yahoo|l'application) ?.{0,50}"
    r"|enviado (?:desde|do|a partir do|de) (?:mi|meu|el|o|iphone|correo|outlook|yahoo) ?.{0,50}"
    r"|inviato d(?:a|al mio|a outlook) ?.{1,40}"
    r"|verstuurd vanaf (?:mijn)? ?.{1,40}|verzonden (?:vanaf|met|vanuit) .{1,40}|skickat fr[aå]n (?:min|mitt)? ?.{1,40}"
    r"|sendt fra (?:min|mitt|mit)? ?.{1,40}|l[aä]hetetty .{1,40}|wys[lł]an[eo] z .{1,40}|odesl[aá]no z .{1,40}"
    r"|отправлено (?:с|из) .{1,40}|iphone['’]?umdan gönderildi"
    r"|(?:我的)?iphone发送|发自我的.{1,30}|iphoneから送信|나의 .{1,20}에서 보냄"
    r"|(?:get|télécharger|obtener|obter|scarica) outlook (?:for|pour|para|per) (?:ios|android).{0,60})\s*$",
    re.IGNORECASE,
)
_MAX_LINES = 20_000
_INTRODUCTION_LINES = 4
_SIGNATURE_LINES = 12


class Fold(NamedTuple):
    """A stretch ``text[start:end]`` to fold; ``kind`` is ``quote`` or ``signature``."""

    start: int
    end: int
    kind: str


def fold_quotes(text: str, *, forwarded: bool = False) -> list[Fold]:
    """The folds of ``text``, in order and disjoint. Offsets count characters.

    Lines with ``>`` fold block by block, so answers written between them stay visible. History without marks
    (Outlook's header block, "Original Message") folds to the end, unless the text says that answers stand in it. A mail
    that is passed on is what its reader has to see: it stays visible behind a forward mark or, for programs that write
    none, when ``forwarded`` says so (the subject begins with "FW:"). Nothing folds when nothing would be left.
    """
    lines = _lines(text)
    kinds = _line_kinds([text[start:end] for start, end in lines], forwarded)
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


def _line_kinds(lines: list[str], forwarded: bool) -> list[str]:
    """For every line ``quote``, ``signature`` or an empty string."""
    initials = _quoting_initials(lines)
    kinds = ["quote" if _is_quoted(line, initials) else "" for line in lines]
    index = 0
    while index < len(lines):
        passed_on = _passed_on_length(lines, index, forwarded) if not kinds[index] else 0
        if passed_on:
            forwarded, index = False, index + passed_on
            continue
        if not kinds[index] and lines[index].strip():
            length = _introduction_length(lines, kinds, index)
            if length:
                _mark_other_bars(lines, kinds, index + length)
                unmarked = not _quoted_after(kinds, lines, index + length)
                if unmarked and _points_below(lines[:index]):
                    break
                stop = len(lines) if unmarked else index + length
                kinds[index:stop] = ["quote"] * (stop - index)
            elif _starts_unmarked_history(lines, index):
                stop = _marked_history_end(lines, kinds, index) or len(lines)
                if stop == len(lines) and _points_below(lines[:index]):
                    break
                kinds[index:stop] = ["quote"] * (stop - index)
        index += 1
    _join_rules(lines, kinds)
    _mark_signatures(lines, kinds)
    return kinds


def _is_quoted(line: str, initials: frozenset[str]) -> bool:
    start = line.lstrip(" ")
    if start.startswith((">", "＞")):
        return True
    match = _INITIALS.match(line)
    return match is not None and match[1] in initials


def _quoting_initials(lines: list[str]) -> frozenset[str]:
    """Initials that some programs put before each quoted line ("MA> Hello"); one such line alone proves nothing."""
    counts = Counter(match[1] for line in lines if (match := _INITIALS.match(line)))
    return frozenset(name for name, count in counts.items() if count > 1)


def _mark_other_bars(lines: list[str], kinds: list[str], index: int) -> None:
    """Quotes set off by another bar than ``>``, known by the introduction above them."""
    first = next((n for n in range(index, min(index + 2, len(lines))) if lines[n].strip()), None)
    if first is None or kinds[first] or lines[first][:1] not in _OTHER_BARS:
        return
    bar = lines[first][:1]
    if first + 1 < len(lines) and lines[first + 1].startswith(bar):
        kinds[first:] = [
            kind or ("quote" if line.startswith(bar) else "")
            for kind, line in zip(kinds[first:], lines[first:], strict=True)
        ]


def _marked_history_end(lines: list[str], kinds: list[str], index: int) -> int:
    """Where the head of a history ends that opens the mail and whose text has ``>`` before each line: the sender
    answers below or between. 0 for a history that runs to the end."""
    if any(line.strip() and not kind for line, kind in zip(lines[:index], kinds[:index], strict=True)):
        return 0
    end = index
    while end < min(index + 14, len(lines)) and kinds[end] != "quote":
        end += 1
    return end if end < len(lines) and kinds[end] == "quote" else 0


def _passed_on_length(lines: list[str], index: int, forwarded: bool) -> int:
    """How many lines from ``index`` are the head of a mail that is passed on: its mark and its header block."""
    start = index
    if is_forward_mark(lines[index]):
        start = next((n for n in range(index + 1, min(index + 4, len(lines))) if lines[n].strip()), index + 1)
        return start - index + (_header_block_length(lines, start) or 0)
    return _header_block_length(lines, index) if forwarded else 0


def _introduction_length(lines: list[str], kinds: list[str], index: int) -> int:
    """How many lines from ``index`` form "On … somebody wrote:"; 0 when they do not."""
    first = lines[index].strip()
    if len(first) > 500:
        return 0
    starts = _INTRODUCTION_START.match(first) is not None
    has_moment = _MOMENT.search(first) is not None
    for length in range(1, _INTRODUCTION_LINES + 1):
        last = index + length - 1
        if last >= len(lines):
            return 0
        line = lines[last].strip()
        # "On … Priya <p@desk.example" may break before its closing bracket.
        broken = (
            kinds[last] == "quote"
            and length > 1
            and _INTRODUCTION_END.search(line)
            and "<" in lines[last - 1]
        )
        if not line or len(line) > 500 or (kinds[last] and not broken):
            return 0
        quoted = _quoted_after(kinds, lines, last + 1)
        whole = " ".join(one.strip() for one in lines[index : last + 1])
        if length > 1 and not has_moment and _MOMENT.search(line):
            return 0  # the introduction starts at this line; what stands above it was written for this mail
        if starts and _INTRODUCTION_END.search(line):
            # Without a quoted line below it needs the colon, or prose would fold.
            colon = line.endswith((":", "："))
            dated = any(character.isdigit() for character in whole)
            return length if quoted or (colon and dated) else 0
        if quoted and has_moment and _ADDRESS.search(whole):
            return length
    return 0


def _quoted_after(kinds: list[str], lines: list[str], index: int) -> bool:
    for position in range(index, min(index + 3, len(lines))):
        if kinds[position] == "quote":
            return True
        if lines[position].strip():
            return False
    return False


def _points_below(lines: list[str]) -> bool:
    return any(_POINTS_BELOW.search(line[:500]) for line in lines[:50])


def _starts_unmarked_history(lines: list[str], index: int) -> bool:
    """Outlook's separators and header blocks: everything from here is the earlier mail."""
    line = lines[index]
    if is_original_mark(line):
        return True
    if _RULE.match(line):
        following = next((n for n in range(index + 1, min(index + 4, len(lines))) if lines[n].strip()), 0)
        return following > 0 and _header_block_length(lines, following) > 0
    return _header_block_length(lines, index) > 0


def _header_block_length(lines: list[str], index: int) -> int:
    """How many lines are three different mail fields under each other, the sender among them; else 0."""
    roles: set[str] = set()
    last = index
    for position, line in enumerate(lines[index : index + 10], index):
        found = read_field(line)
        if found is None and (not roles or not line.strip()):
            # Text made from HTML may have an empty line between fields.
            if not roles or position + 1 >= len(lines) or read_field(lines[position + 1]) is None:
                break
        elif found is not None:
            roles.add(found.role)
            last = position
    return last - index + 1 if len(roles) >= 3 and "from" in roles else 0


def _join_rules(lines: list[str], kinds: list[str]) -> None:
    """A rule drawn right above history belongs to it."""
    for index, line in enumerate(lines):
        if not kinds[index] and _RULE.match(line) and _quoted_after(kinds, lines, index + 1):
            kinds[index] = "quote"


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
    last = len(lines)
    while True:
        last = next((n for n in range(last - 1, -1, -1) if not kinds[n] and lines[n].strip()), -1)
        if last < 0 or not (_SENT_FROM.match(lines[last][:300]) or _is_dashed_name(lines, last)):
            return
        kinds[last] = "signature"


def _is_dashed_name(lines: list[str], index: int) -> bool:
    """ "-Mette Aas" as the last words, unless it is the last item of a list."""
    if not _DASHED_NAME.match(lines[index]):
        return False
    above = next((lines[n] for n in range(index - 1, -1, -1) if lines[n].strip()), "")
    return not _LIST_ITEM.match(above) and (not lines[index - 1].strip() or not above.rstrip().endswith(":"))


def _opens_signature(lines: list[str]) -> bool:
    """Whether the first of ``lines`` is a signature mark or the rule above a mailing list's footer."""
    if _SIGNATURE_MARK.match(lines[0]):
        return True
    return _RULE.match(lines[0]) is not None and any(_LIST_FOOTER.search(line[:200]) for line in lines[1:4])
