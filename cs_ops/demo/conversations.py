"""Writes what customers and agents say to each other: texts with their moments, without touching the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from cs_ops.demo import moods
from cs_ops.demo.topics import TOPICS, Issue, Topic

VAGUE_SHARE = 0.025
SIGNED_SHARE = 0.25
CATEGORY_TOPIC = {topic.category: topic for topic in TOPICS}


@dataclass
class Line:
    """One message: ``kind`` inbound, outbound or note. ``quotes``: it carries the mail it answers; ``at`` is given later."""

    kind: str
    text: str
    quotes: bool = False
    is_thanks: bool = False
    at: datetime | None = None


@dataclass
class Talk:
    """A conversation before it has times: its topic, mood, urgency (0..3) and lines; the last may be a thank-you."""

    topic: Topic
    mood: str
    level: int
    subject: str
    language: str
    lines: list[Line] = field(default_factory=list)


def draw_mood(satisfaction: float, rng: np.random.Generator) -> str:
    """Draw a mood: the weights of angry, unhappy, neutral and friendly tilt with satisfaction (about −3..3)."""
    tilt = np.array([-1.4, -0.75, 0.0, 0.55]) * satisfaction
    weights = np.array([0.11, 0.27, 0.44, 0.18]) * np.exp(tilt)
    return str(rng.choice(moods.MOODS, p=weights / weights.sum()))


def draw_talk(
    *,
    satisfaction: float,
    language: str,
    people: Sequence[str],
    signature: str,
    vague: float = VAGUE_SHARE,
    rng: np.random.Generator,
) -> Talk:
    """Draw a conversation; ``people`` are names of colleagues at the customer, ``signature`` who writes.

    Some are in the customer's language; a share ``vague`` begins so that nobody can tell where it belongs.
    """
    mood = draw_mood(satisfaction, rng)
    foreign = moods.FOREIGN.get(language, ())
    slots = _slots(people, rng)
    if foreign and rng.random() < 0.4:
        subject, text, category, level = foreign[int(rng.integers(len(foreign)))]
        topic = CATEGORY_TOPIC[category]
        issue = topic.issues[int(rng.integers(len(topic.issues)))]
        talk = Talk(topic, mood, level, _fill(subject, slots), language)
        talk.lines.append(Line("inbound", f"{_fill(text, slots)}\n\n{signature}"))
    else:
        shares = np.array([topic.share for topic in TOPICS])
        topic = TOPICS[int(rng.choice(len(TOPICS), p=shares / shares.sum()))]
        issue = topic.issues[int(rng.integers(len(topic.issues)))]
        subject = _fill(str(rng.choice(issue.subjects)), slots)
        if mood == "angry" and rng.random() < 0.3:
            subject = f"{rng.choice(['URGENT', 'Again', 'Still broken'])}: {subject}"
        talk = Talk(topic, mood, issue.level, subject, "en")
        text = _opening(issue, mood, slots, rng)
        if rng.random() < vague:
            talk.subject, text = (
                _fill(one, slots) for one in moods.VAGUE[int(rng.integers(len(moods.VAGUE)))]
            )
        talk.lines.append(Line("inbound", f"{text}\n\n{signature}"))
    lift = {"angry": 0.55, "unhappy": 0.15, "neutral": -0.1, "friendly": -0.35}[mood]
    talk.level = int(np.clip(round(talk.level + lift + rng.normal(0, 0.45)), 0, 3))
    _go_on(talk, issue, slots, signature, rng)
    return talk


def _slots(people: Sequence[str], rng: np.random.Generator) -> dict[str, str]:
    slots = {name: str(rng.choice(values)) for name, values in moods.SLOTS.items()}
    return {
        **slots,
        "n": str(int(rng.choice([2, 3, 4, 5, 6, 8, 9, 11, 12, 14, 17, 20, 24, 30, 38, 45, 60, 75, 120]))),
        "person": str(rng.choice(list(people))),
        "invoice": f"INV-{int(rng.integers(20_000, 29_999))}",
        "amount": f"{int(rng.integers(2, 96)) * 45:,} EUR",
        "time": f"{int(rng.integers(6, 18)):02d}:{int(rng.integers(0, 12)) * 5:02d}",
    }


def _fill(text: str, slots: Mapping[str, str]) -> str:
    return text.format_map(slots)


def _one(texts: Sequence[str], slots: Mapping[str, str], rng: np.random.Generator) -> str:
    return _fill(texts[int(rng.integers(len(texts)))], slots)


def _opening(issue: Issue, mood: str, slots: Mapping[str, str], rng: np.random.Generator) -> str:
    """The first message: greeting or outburst, what happens (sometimes twice said), what it does to them, what they want."""
    details = list(rng.permutation(len(issue.details)))[: 2 if rng.random() < 0.35 else 1]
    body = [_fill(issue.details[place], slots) for place in details]
    parts = [_one(moods.OPENERS[mood], slots, rng), *body]
    if rng.random() < 0.75:
        parts.append(_one(moods.IMPACTS[mood], slots, rng))
    if rng.random() < 0.85:
        parts.append(_one(moods.ASKS[mood], slots, rng))
    joint = "\n\n" if parts[0].endswith(",") else " "
    return parts[0] + joint + " ".join(part for part in parts[1:] if part)


def _go_on(
    talk: Talk, issue: Issue, slots: Mapping[str, str], signature: str, rng: np.random.Generator
) -> None:
    """Answer, question, follow-ups, solution and, often, a last word. Unhappy customers come back more often."""
    rounds = int(rng.choice([0, 1, 2, 3], p=[0.42, 0.36, 0.16, 0.06]))
    if talk.mood in ("angry", "unhappy"):
        rounds = min(3, rounds + int(rng.random() < 0.35))
    first = signature.split("\n")[0].split()[0]
    greeting = _fill(moods.GREETINGS[int(rng.integers(len(moods.GREETINGS)))], {"first": first})
    polite = moods.SORRY if talk.mood in ("angry", "unhappy") else moods.THANKS
    if rng.random() < 0.16:
        talk.lines.append(Line("note", _one(moods.NOTES, slots, rng)))
    if rounds and rng.random() < 0.55:
        talk.lines.append(
            Line("outbound", f"{greeting}\n\n{_one(polite, slots, rng)} {_one(moods.QUESTIONS, slots, rng)}")
        )
        talk.lines.append(Line("inbound", _reply(talk, slots, first, rng, patient=True), quotes=True))
        rounds -= 1
    talk.lines.append(
        Line("outbound", f"{greeting}\n\n{_one(polite, slots, rng)} {_fill(issue.answer, slots)}")
    )
    progress = rng.permutation(len(moods.PROGRESS))
    for turn in range(rounds):
        talk.lines.append(
            Line("inbound", _reply(talk, slots, first, rng, patient=False), quotes=rng.random() < 0.6)
        )
        again = _one(moods.SORRY if talk.mood != "friendly" else moods.THANKS, slots, rng)
        more = _fill(moods.PROGRESS[int(progress[turn])], slots)
        talk.lines.append(Line("outbound", f"{greeting}\n\n{again} {more}"))
    if rng.random() < 0.55:
        thanks = _signed(_one(moods.CLOSINGS[talk.mood], slots, rng), first, rng)
        talk.lines.append(Line("inbound", thanks, quotes=True, is_thanks=True))
    end = f"{greeting}\n\n{_fill(issue.solved, slots)} {_one(moods.RESOLVED, slots, rng)}"
    talk.lines.append(Line("outbound", end))


def _reply(
    talk: Talk, slots: Mapping[str, str], first: str, rng: np.random.Generator, *, patient: bool
) -> str:
    """A customer's answer; to a plain question even the unhappy mostly just answer."""
    calm = (
        talk.mood
        if not patient or rng.random() < 0.35
        else ("neutral" if talk.mood != "friendly" else "friendly")
    )
    return _signed(_one(moods.FOLLOW_UPS[calm], slots, rng), first, rng)


def _signed(text: str, first: str, rng: np.random.Generator) -> str:
    """Put the first name below a short answer, as some people do."""
    return f"{text}\n\n{first}" if rng.random() < SIGNED_SHARE else text
