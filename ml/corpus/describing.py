"""The tables of the data sheet: what the corpus holds, and how far two readers of the same messages agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ml.corpus.messages import (
    AUTHORS,
    CHANNELS,
    DATA,
    EMOTIONS,
    LANGUAGES,
    SENTIMENTS,
    SIGNALS,
    URGENCIES,
    Answers,
    OwnMessage,
    read_messages,
    read_moods,
    read_second_opinions,
)

LENGTHS = (
    (5, "1-5 words"),
    (15, "6-15 words"),
    (40, "16-40 words"),
    (100, "41-100 words"),
    (10**9, "over 100 words"),
)


def length_name(text: str) -> str:
    """In which class of length a text falls."""
    words = len(text.split())
    return next(name for most, name in LENGTHS if words <= most)


def cohen_kappa(first: Sequence[object], second: Sequence[object]) -> float | None:
    """Agreement of two readers beyond chance (Cohen 1960); None when chance alone would make them agree."""
    rows = len(first)
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / rows
    ones, others = Counter(first), Counter(second)
    chance = sum(ones[value] * others[value] for value in ones) / rows**2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def sheet_lines(folder: Path = DATA) -> Iterator[str]:
    """The tables as Markdown."""
    messages = read_messages(folder)
    yield from _counts(messages, len(read_moods(folder)))
    yield ""
    yield from _agreement(messages, read_second_opinions(folder))


def _counts(messages: Sequence[OwnMessage], moods: int) -> Iterator[str]:
    groups = len({one.group for one in messages})
    yield f"{len(messages)} messages about {groups} situations, and {moods} older ones judged for sentiment alone."
    yield ""
    yield "| field | messages |"
    yield "|---|---|"
    fields: tuple[tuple[str, Sequence[str], list[str]], ...] = (
        ("sentiment", SENTIMENTS, [one.answers.sentiment for one in messages]),
        ("urgency", URGENCIES, [one.answers.urgency for one in messages]),
        ("emotion", EMOTIONS, [emotion for one in messages for emotion in one.answers.emotions]),
        ("says", SIGNALS, [signal for one in messages for signal in one.answers.signals]),
        ("author", AUTHORS, [one.author for one in messages]),
        ("channel", CHANNELS, [one.channel for one in messages]),
        ("language", LANGUAGES, [one.language for one in messages]),
        ("length", [name for _, name in LENGTHS], [length_name(one.text) for one in messages]),
    )
    for name, values, found in fields:
        count = Counter(found)
        yield f"| {name} | {', '.join(f'{value} {count[value]}' for value in values)} |"
    promises = [one.answers.promise for one in messages if one.answers.promise]
    dated = sum(promise.due is not None for promise in promises)
    yield f"| promise of an agent | {len(promises)}, {dated} of them with a day |"


def _agreement(messages: Sequence[OwnMessage], second: Mapping[str, Answers]) -> Iterator[str]:
    pairs = [(one.answers, second[one.id]) for one in messages if one.id in second]
    yield f"{len(pairs)} messages were labelled a second time."
    yield ""
    yield "| label | yes in the first / second | same answer | Cohen's kappa |"
    yield "|---|---|---|---|"
    yield _pair("sentiment", [(one.sentiment, other.sentiment) for one, other in pairs], "")
    yield _pair("urgency", [(one.urgency, other.urgency) for one, other in pairs], "")
    flags = [
        *(
            (name, [(name in one.emotions, name in other.emotions) for one, other in pairs])
            for name in EMOTIONS
        ),
        *((name, [(name in one.signals, name in other.signals) for one, other in pairs]) for name in SIGNALS),
        ("promise", [(one.promise is not None, other.promise is not None) for one, other in pairs]),
    ]
    for name, answers in flags:
        yes = f"{sum(one for one, _ in answers)} / {sum(other for _, other in answers)}"
        yield _pair(name, answers, yes)
    both = [(one.promise, other.promise) for one, other in pairs if one.promise and other.promise]
    days = sum(one.due == other.due for one, other in both)
    yield ""
    yield f"Where both see a promise ({len(both)}), they name the same day, or none, in {days}."


def _pair(name: str, answers: Sequence[tuple[object, object]], yes: str) -> str:
    same = sum(one == other for one, other in answers) / max(len(answers), 1)
    kappa = cohen_kappa([one for one, _ in answers], [other for _, other in answers]) if answers else None
    return f"| {name} | {yes} | {same:.3f} | {'-' if kappa is None else f'{kappa:.2f}'} |"
