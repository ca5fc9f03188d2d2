"""Fixtures of the insights tests: episodes of known shape, written as the product derives them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from customers.models import Contact
from people.models import Team, User
from tickets.models import Category, Episode, Message, SatisfactionSurvey, Ticket
from tickets.models.episode import SLOT_SECONDS


class World:
    """Writes tickets with their episodes, surveys and messages."""

    def __init__(self, contact: Contact) -> None:
        self.contact = contact
        self.number = 9000

    def episode(self, opened_at: datetime, **fields: Any) -> Episode:
        """Write a ticket with one episode; ``fields`` are columns of the episode."""
        self.number += 1
        resolved_at = fields.get("resolved_at")
        category = "resolved" if resolved_at else "open"
        shared = {name: fields.get(name) for name in ("team", "assignee", "category")}
        ticket = Ticket.objects.create(
            number=self.number, subject=f"Case {self.number}", channel=fields.get("channel", "email"),
            contact=self.contact, account=self.contact.account, status_id=category, status_category=category,
            created_at=opened_at, updated_at=opened_at, last_message_at=opened_at, resolved_at=resolved_at, **shared,
        )  # fmt: skip
        values = {"channel": "email", "priority": "normal", "number": 1} | fields
        return Episode.objects.create(
            ticket=ticket,
            opened_at=opened_at,
            opened_slot=int(opened_at.timestamp()) // SLOT_SECONDS,
            resolved_slot=None if resolved_at is None else int(resolved_at.timestamp()) // SLOT_SECONDS,
            **values,
        )

    def survey(self, episode: Episode, sent_at: datetime, score: int | None) -> SatisfactionSurvey:
        """Write a survey that has left."""
        return SatisfactionSurvey.objects.create(
            episode=episode, ticket=episode.ticket, contact=self.contact, nonce=f"n{episode.pk}", state="sent",
            send_at=sent_at, sent_at=sent_at, score=score, rated_at=sent_at if score else None,
        )  # fmt: skip

    def message(self, episode: Episode, at: datetime, mood: str) -> Message:
        """Write a scored message of the customer."""
        return Message.objects.create(
            ticket=episode.ticket, kind="inbound", channel="email", contact=self.contact, body_text="…",
            sentiment_label=mood, sentiment_probability=0.9, sentiment_score=0.0, created_at=at,
        )  # fmt: skip


@pytest.fixture
def world(contact: Contact) -> World:
    """A writer of episodes."""
    return World(contact)


@pytest.fixture
def ago() -> Callable[[float], datetime]:
    """Return the moment so many days ago, at noon UTC when whole days are asked for."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)

    def moment(days: float) -> datetime:
        return noon - timedelta(days=days)

    return moment


@pytest.fixture
def busy(
    world: World,
    ago: Callable[[float], datetime],
    team: Team,
    agent: User,
    lead_user: User,
    private_team: Team,
) -> World:
    """Sixty episodes over forty days of two teams, with surveys and messages, some open."""
    billing = Category.objects.create(name="Billing questions", team=team)
    people = (agent, lead_user, None)
    for place in range(60):
        opened = ago(place * 0.65)
        solved = opened + timedelta(hours=1 + place % 7 * 5)
        is_open = place % 5 == 0
        late = place % 4 == 0
        episode = world.episode(
            opened,
            resolved_at=None if is_open or solved > timezone.now() else solved,
            team=(team, private_team, None)[place % 3],
            assignee=people[place % 3],
            category=billing if place % 2 else None,
            channel="email" if place % 4 else "api",
            priority=("low", "normal", "high", "urgent")[place % 4],
            replies=1 + place % 3,
            one_touch=not is_open and place % 3 == 0,
            reopened=not is_open and place % 7 == 1,
            first_response_seconds=600 + place * 60,
            first_response_business_seconds=300 + place * 37 % 900,
            resolution_seconds=None if is_open else 3600 * (1 + place % 7 * 5),
            resolution_business_seconds=None if is_open else 1800 * (1 + place % 11),
            first_response_met=not late,
            first_response_decided_at=opened + timedelta(minutes=30),
            resolution_met=None if is_open else place % 6 != 0,
            resolution_decided_at=None if is_open else min(solved, timezone.now()),
        )
        if not is_open and place % 2 == 0:
            world.survey(episode, min(solved, timezone.now()), (None, 1, 3, 4, 5)[place // 2 % 5])
        world.message(episode, opened, ("negative", "neutral", "positive")[place % 3])
    return world


@pytest.fixture
def private_team(db: None) -> Team:
    """A team whose tickets only its members see."""
    return Team.objects.create(name="Legal", description="Contracts", is_private=True)
