"""Reading our own messages, every field checked, and the second opinions about some of them.

``data/messages_*.jsonl`` hold messages labelled for everything a desk asks of a message, ``data/moods_*.jsonl`` older ones
that were judged for sentiment alone. A bad line is one ``CorpusError`` that names file, line and reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

SENTIMENTS = ("negative", "neutral", "positive")
EMOTIONS = ("anger", "confusion", "gratitude", "disappointment", "worry")
URGENCIES = ("none", "soon", "now")
SIGNALS = ("churn", "bug", "feature_request", "praise", "escalation")
CHANNELS = ("email", "chat", "whatsapp", "sms", "call", "form", "social", "survey")
AUTHORS = ("customer", "agent")
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl")

_KEYS = {
    "id", "group", "author", "channel", "lang", "text", "sent", "sentiment", "emotions", "urgency", "promise", *SIGNALS,
}  # fmt: skip
_SECOND_KEYS = {"id", "sentiment", "emotions", "urgency", "promise", *SIGNALS}


class CorpusError(ValueError):
    """A line of the corpus is not what it should be; the message names file, line and reason."""


@dataclass(frozen=True)
class Promise:
    """What an agent says they will do: the exact words, and the day by which, if they name one."""

    text: str
    due: date | None


@dataclass(frozen=True)
class Answers:
    """What one reader said about one message."""

    sentiment: str
    emotions: frozenset[str]
    urgency: str
    signals: frozenset[str]
    promise: Promise | None


@dataclass(frozen=True)
class OwnMessage:
    """One message with its labels; ``group`` is the situation that a split keeps whole."""

    id: str
    group: str
    author: str
    channel: str
    language: str
    text: str
    sent: datetime
    answers: Answers


@dataclass(frozen=True)
class MoodMessage:
    """One of the older English messages, judged for sentiment alone."""

    group: str
    text: str
    sentiment: str


def read_messages(folder: Path = DATA) -> list[OwnMessage]:
    """Every message with all labels, in the order of the files; ids are unique over all of them."""
    messages: list[OwnMessage] = []
    known: set[str] = set()
    for where, record in _records(folder, "messages_*.jsonl"):
        try:
            message = _message(record)
            _require(message.id not in known, f"the id {message.id} occurs twice")
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{where}: {error}") from error
        known.add(message.id)
        messages.append(message)
    return messages


def read_moods(folder: Path = DATA) -> list[MoodMessage]:
    """The older messages."""
    moods = []
    for where, record in _records(folder, "moods_*.jsonl"):
        if record.get("label") not in SENTIMENTS or not str(record.get("text", "")).strip():
            raise CorpusError(f"{where}: label or text is not valid")
        moods.append(MoodMessage(str(record["group"]), record["text"], record["label"]))
    return moods


def read_second_opinions(folder: Path = DATA) -> dict[str, Answers]:
    """What a second reader said who had not seen the first labels: by id of the message."""
    texts = {message.id: message.text for message in read_messages(folder)}
    opinions: dict[str, Answers] = {}
    for where, record in _records(folder, "second_opinions.jsonl"):
        try:
            _require(record.keys() >= _SECOND_KEYS, f"missing: {sorted(_SECOND_KEYS - record.keys())}")
            _require(record["id"] in texts, f"no message has the id {record['id']}")
            opinions[record["id"]] = _answers(record, texts[record["id"]])
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{where}: {error}") from error
    return opinions


def read_hard_cases(folder: Path = DATA) -> dict[str, frozenset[str]]:
    """Kind of difficulty ("sarcasm") -> ids of held-out messages that show it."""
    known = {message.id for message in read_messages(folder)}
    cases: dict[str, list[str]] = json.loads((folder / "hard_cases.json").read_text(encoding="utf-8"))
    for kind, ids in cases.items():
        if unknown := set(ids) - known:
            raise CorpusError(f"hard_cases.json: {kind}: no message has the id {min(unknown)}")
    return {kind: frozenset(ids) for kind, ids in cases.items()}


def _records(folder: Path, pattern: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    where = f"{path.name}:{number}"
                    try:
                        record = json.loads(line)
                    except ValueError as error:
                        raise CorpusError(f"{where}: {error}") from error
                    if not isinstance(record, dict):
                        raise CorpusError(f"{where}: an object is wanted")
                    yield where, record


def _message(record: Mapping[str, Any]) -> OwnMessage:
    _require(record.keys() == _KEYS, f"keys that are missing or too many: {sorted(_KEYS ^ record.keys())}")
    _require(bool(str(record["text"]).strip()), "the text is empty")
    for key, allowed in (("author", AUTHORS), ("channel", CHANNELS), ("lang", LANGUAGES)):
        _require(record[key] in allowed, f"{record[key]!r} is no {key}")
    answers = _answers(record, record["text"])
    _require(answers.promise is None or record["author"] == "agent", "only agents promise")
    return OwnMessage(
        id=record["id"],
        group=record["group"],
        author=record["author"],
        channel=record["channel"],
        language=record["lang"],
        text=record["text"],
        sent=datetime.fromisoformat(record["sent"]),
        answers=answers,
    )


def _answers(record: Mapping[str, Any], text: str) -> Answers:
    _require(record["sentiment"] in SENTIMENTS, f"{record['sentiment']!r} is no sentiment")
    _require(record["urgency"] in URGENCIES, f"{record['urgency']!r} is no urgency")
    unknown = set(record["emotions"]) - set(EMOTIONS)
    _require(not unknown, f"no emotions: {sorted(unknown)}")
    for signal in SIGNALS:
        _require(isinstance(record[signal], bool), f"{signal} is neither true nor false")
    promise = None
    if record["promise"] is not None:
        words, due = record["promise"]["text"], record["promise"]["due"]
        _require(words in text, "the promise is not in the text")
        promise = Promise(words, date.fromisoformat(due) if due else None)
    return Answers(
        sentiment=record["sentiment"],
        emotions=frozenset(record["emotions"]),
        urgency=record["urgency"],
        signals=frozenset(signal for signal in SIGNALS if record[signal]),
        promise=promise,
    )


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)
