"""Finding what an answer promises: the clause in which we say that we, or something from us, will do or come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from ml.languages import guess_language
from tickets.promises.dates import Due, due_in, is_weekday

LANGUAGES = frozenset({"en", "de"})
LONGEST = 20_000
MOST = 5
SHORTEST_WORDS = 3


@dataclass(frozen=True)
class FoundPromise:
    """A promise: characters ``start`` to ``end`` of the text, and by when if the words say so."""

    start: int
    end: int
    text: str
    due: Due | None


# A sentence ends at ., ! or ? before a space (not in "3. May", "20. März", "Mr. Ito"), at ; or at a new line.
_MONTHS = "jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez"
_SENTENCE = re.compile(
    r"(?:[^.!?;\n]|[.!?](?!\s|$)|(?<=\b\d)\.(?=\s)|(?<=\b\d\d)\.(?=\s+(?:[a-zäöü]|(?i:" + _MONTHS + r")))"
    r"|(?<=\bMr)\.|(?<=\bDr)\.|(?<=\bMs)\.|(?<=\b[ap]\.m)\.)+[.!?]?"
)
# "…, and I'll call you on Monday" is a promise of its own.
_CLAUSE = re.compile(
    r"(?:[,:]\s+(?:(?:and|but|so)\s+)?|\s+(?:and|but|und)\s+)"
    r"(?=(?:i|we)(?:['’]ll|\s+will|['’]m (?:going|staying|sending)|['’]re going)|(?:ich|wir)\s+\w+)",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\s*(?:hi|hello|hey|dear|good morning|hallo|guten tag|liebe[r]?|sehr geehrte[r]?)\b[^,\n]{0,40},\s*",
    re.IGNORECASE,
)

# After "I will": courtesies, absences and what binds nobody.
_NO_DEED = (
    r"be (?:glad|happy|able|offline|away|out|sorry|delighted|honest|in touch if)|not\b|never\b|need\b|have to|miss\b|see what|"
    r"assume|gladly|leave (?:it|you|this)|stop\b|always\b|admit|understand|only\b|remember\b|"
    r"keep (?:my fingers|our fingers|your)|take that|buy|forever|close this"
)
_ADVERBS = (
    "also|then|now|personally|gladly|certainly|definitely|of course|still|just|immediately|first|"
    "try to|do my best to|make sure"
)
# What we are sure to do, with or without a day.
_SURE = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:i|we)(?:['’]ll|\s+will|['’](?:m|re) going to|\s+a(?:m|re) going to)\b"
        rf"(?:\s+(?:{_ADVERBS}))*\s+(?!{_NO_DEED})\w+",
        r"\blet me (?:check|ask|look|find out|speak|talk|see|clarify|confirm)\b.*\b(?:come|get|be) (?:right )?back\b",
        r"\b(?:you|they|she|he)(?:['’]ll|\s+will)\s+(?:hear|get|have) (?:\w+\s+){0,6}?from (?:me|us)\b",
        r"\bexpect (?:an? |my |our )?(?:\w+\s+){0,3}from (?:me|us)\b",
        r"^\W*(?:told \w+ \w+ )?(?:and )?will (?:\w+ ){0,2}"
        r"(?:get back|come back|respond|send|call|check|confirm|let you know|update|follow up|be back)\b",
        r"\bi promised?\b(?! nothing)",
        r"\b(?:ich|wir) werden?\b(?!.*\bnicht\b)",
        r"\b(?:melde ich mich|ich melde mich|melden wir uns|wir melden uns|(?:ich gebe|gebe ich|geben wir) ihnen bescheid)\b",
        r"\b(?:halte ich sie auf dem laufenden|ich kümmere mich|wir kümmern uns|lasse ich ihnen|komme ich auf sie zu)\b",
    )
)
# After "will": what happens to the customer, not what comes.
_NO_ARRIVAL = r"offline|closed|unavailable|charged|down\b|billed|deleted|debited"
_WE_DO = (
    "can be|send|call|ring|phone|write|prepare|bring|come|deliver|start|ship|post|fix|pay|refund|book|check|email|meet|visit|"
    "expect"
)
_WILL_DO = (
    "call|phone|ring|bring|visit|follow|confirm|send|answer|respond|reach|contact|come|go|take|have|fix|roll|deliver|arrive|"
    "write|ship|install|replace|meet|speak|get|run"
)
_IS_DOING = (
    r"going to|calling|bringing|coming|being (?:returned|refunded|sent|shipped|fixed|replaced)|contacting|with you|"
    r"on (?:its|their|his|her|my) way"
)
_HAVE_DONE = "habe|haben|hatte|hatten|war|waren|wurde|wurden|bitte|bitten"
# What comes from us, if a day to come is named.
_WITH_DAY = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:i|we)\s+(?:{_WE_DO})\b",
        r"\b(?:i['’]m|i am|we['’]re|we are)\s+(?:\w+ly\s+)?\w+ing\b",
        r"\bwe(?:['’]ve| have) (?:put|scheduled|planned|booked|arranged)\b",
        r"\byou(?:['’]ll|\s+will| should)\s+(?:also\s+)?(?:have|get|receive|hear|find|see)\b",
        rf"(?:\bwill|['’]ll)\s+(?:also\s+|then\s+)?(?:be (?!{_NO_ARRIVAL})|(?:{_WILL_DO})\w*)",
        rf"\b(?:is|are) (?:{_IS_DOING})\b",
        r"\b(?:goes?|leaves?|comes?|follows|reaches|calls|phones|brings|arrives|ships|gets? replaced)\b",
        r"\bshould (?:be|reach|arrive)\b",
        r"\bnext update\b",
        r"\bon my way\b",
        rf"\b(?:ich|wir)\b(?!.*\b(?:{_HAVE_DONE})\b)",
        r"\bsie (?:erhalten|bekommen|hören|haben)\b",
        r"\b(?:kommt|folgt|geht|bringt|meldet sich|ruft|wird)\b.*"
        r"\b(?:ihnen|sie|raus|zu|an|geliefert|behoben|erstattet|eingespielt|freigeschaltet)\b",
    )
)
# Sentences that promise nothing of ours, whatever else they hold: absences, machines, the customer's part, doubts.
_NEVER = re.compile(
    r"\b(?:out of (?:the )?office|on (?:leave|holiday|vacation)|im urlaub|nicht im büro|abwesend|"
    r"automatically|automatisch|by itself|by themselves|without (?:you|any)|"
    r"could you|can you|would you|will you (?!have|get|receive)|"
    r"please (?:send|reply|confirm|let|make|do|bring|return|pay|upload)|"
    r"könnten sie|können sie|würden sie|bitte (?:senden|schicken)|"
    r"you(?:['’]ll| will)? (?:need|have) to|you must|unless you|sie müssen|"
    r"(?:can['’]?t|cannot) (?:promise|give|say|tell)|no promise|depend(?:s|ing) on|says the|"
    r"would be|if you(?:['’]d| would| want|['’]re interested| need| prefer (?:it|that)))\b"
)


def promises_in(
    text: str,
    sent: datetime,
    language: str | None = None,
    is_business_day: Callable[[date], bool] = is_weekday,
) -> list[FoundPromise]:
    """Return what ``text``, written by us at ``sent`` (local time of its writer), promises; at most five, in their order.

    Of a language that is neither English nor German nothing is read. ``language`` is guessed when not given;
    ``is_business_day`` tells which days business days are counted in.
    """
    text = text[:LONGEST]
    spoken = guess_language(text) if language is None else language
    if spoken and spoken not in LANGUAGES:
        return []
    found = []
    for start, sentence in _sentences(text):
        due = _promised(sentence, sent, is_business_day)
        if due is not None:
            found.append(FoundPromise(start, start + len(sentence), sentence, due[0]))
    # One without a day beside one with a day adds nothing to keep track of.
    dated = [one for one in found if one.due is not None]
    return (dated or found)[:MOST]


def _clauses(text: str) -> Iterator[tuple[int, str]]:
    for match in _SENTENCE.finditer(text):
        start = match.start()
        for end in [*_CLAUSE.finditer(match[0]), None]:
            stop = match.end() if end is None else match.start() + end.start()
            yield start, text[start:stop]
            start = stop if end is None else match.start() + end.end()


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Clauses with their places, without greeting and closing marks; those of a word or two are left out."""
    for start, sentence in _clauses(text):
        greeting = _GREETING.match(sentence)
        if greeting:
            sentence, start = sentence[greeting.end() :], start + greeting.end()
        stripped = sentence.strip(" \t\r*->•").rstrip(".!")
        if len(stripped.split()) >= SHORTEST_WORDS:
            yield start + sentence.index(stripped), stripped


def _promised(
    sentence: str, sent: datetime, is_business_day: Callable[[date], bool]
) -> tuple[Due | None] | None:
    """The due day in a tuple if the sentence promises, else None."""
    plain = sentence.lower()
    if plain.endswith("?") or _NEVER.search(plain):
        return None
    due = due_in(sentence, sent, is_business_day)
    if any(pattern.search(plain) for pattern in _SURE):
        return (due,)
    if due is not None and "please" not in plain and any(pattern.search(plain) for pattern in _WITH_DAY):
        return (due,)
    return None
