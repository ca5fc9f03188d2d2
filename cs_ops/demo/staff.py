"""The demo company's own side: calendars, teams, people, categories, promises, inboxes."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from core.models import Calendar
from cs_ops.demo.topics import TEAMS, TOPICS
from people.models import Absence, Skill, Team, TeamMembership, User, UserSkill
from people.roles import Role
from people.viewer import system_viewer
from tickets.models import Category, Inbox, SLAPolicy, SLAStep, SLATarget
from tickets.services.save_sla_policy import keep_version

PASSWORD = "cs-ops-demo"  # noqa: S105 - the published password of the demo logins
HOUR = 3600
_ENTERPRISE_ONLY: dict[str, object] = {"field": "account_tier", "is": "in", "value": ["enterprise"]}

# (name, address before @demo.example, role, teams)
PEOPLE = (
    ("Ada Brandt", "admin", Role.ADMIN, ()),
    ("Lena Vogt", "lead", Role.LEAD, ("Platform",)),
    ("Priya Raman", "agent", Role.AGENT, ("Identity", "Integrations")),
    ("Ines Carvalho", "csm", Role.CSM, ()),
    ("Tove Berg", "tove", Role.CSM, ()),
    ("Milan Oravec", "milan", Role.CSM, ()),
    ("Noor Haddad", "noor", Role.ANALYST, ()),
    ("Jonas Weiss", "jonas", Role.AGENT, ("Identity",)),
    ("Grace Adeyemi", "grace", Role.AGENT, ("Billing",)),
    ("Marek Dvorak", "marek", Role.AGENT, ("Billing", "Onboarding")),
    ("Sofia Lindgren", "sofia", Role.AGENT, ("Integrations",)),
    ("Tomás Rivas", "tomas", Role.AGENT, ("Product", "Onboarding")),
    ("Hana Kobayashi", "hana", Role.AGENT, ("Product",)),
    ("Dev Malhotra", "dev", Role.AGENT, ("Platform",)),
    ("Claire Dubois", "claire", Role.AGENT, ("Platform", "Product")),
)
# Business seconds to the first answer and to the solution, by priority.
ENTERPRISE = {"urgent": (1, 8), "high": (2, 16), "normal": (4, 36), "low": (8, 72)}
STANDARD = {"urgent": (2, 12), "high": (4, 24), "normal": (8, 50), "low": (16, 100)}

# (skill, code of a language, who has it)
SKILLS = (
    ("German", "de", ("jonas", "marek", "agent", "dev")),
    ("French", "fr", ("claire", "grace")),
    ("Spanish", "es", ("tomas",)),
    ("Tax and invoicing law", "", ("grace",)),
)
STRATEGIES: dict[str, dict[str, object]] = {
    "Billing": {"previous_owner_days": 30},
    "Onboarding": {"strategy": "round_robin"},
    "Product": {"strategy": "skills", "previous_owner_days": 14},
}


@dataclass
class Desk:
    """Everything of our own side that the other parts of the world point at."""

    users: dict[str, User] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    members: dict[str, list[User]] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    policies: dict[str, SLAPolicy] = field(default_factory=dict)
    support: Inbox = field(default_factory=Inbox)
    billing: Inbox = field(default_factory=Inbox)

    @property
    def csms(self) -> list[User]:
        """The customer success managers."""
        return [user for user in self.users.values() if user.role == Role.CSM]


def build_desk() -> Desk:
    """Write our own side and return it."""
    desk = Desk()
    office = Calendar.objects.create(
        name="Office hours",
        timezone="Europe/Berlin",
        holiday_country="DE",
        holiday_region="BE",
        windows={str(day): [["08:00", "18:00"]] for day in range(5)},
    )
    extended = Calendar.objects.create(
        name="Extended hours",
        timezone="Europe/Berlin",
        windows={str(day): [["06:00", "22:00"]] for day in range(5)} | {"5": [["08:00", "16:00"]]},
    )
    _add_people(desk)
    _add_skills(desk)
    for topic in TOPICS:
        desk.categories[topic.category] = Category.objects.create(
            name=topic.category, description=topic.description, team=desk.teams[topic.team]
        )
    _add_policy(desk, "Enterprise", 1, _ENTERPRISE_ONLY, extended, ENTERPRISE)
    _add_policy(desk, "Standard", 2, {}, office, STANDARD)
    desk.support = Inbox.objects.create(
        name="Support", channel="email", address="support@demo.example", from_name="Fieldbook Support",
        signature="Fieldbook Support\nsupport@demo.example",
    )  # fmt: skip
    desk.billing = Inbox.objects.create(
        name="Billing", channel="email", address="billing@demo.example", from_name="Fieldbook Billing",
        signature="Fieldbook Billing\nbilling@demo.example", default_team=desk.teams["Billing"],
    )  # fmt: skip
    # Its preview works at once; pages of one's own are named in its settings.
    Inbox.objects.create(
        name="Website chat", channel="chat", from_name="Fieldbook Support",
        config={
            "title": "Fieldbook Support", "greeting": "Hello! Ask us anything about Fieldbook.",
            "ask_name": "optional", "ask_email": "required", "calendar": extended.pk,
            "closed_text": "We are back in the morning. Leave a message and we answer by e-mail.",
            "mail_inbox": desk.support.pk,
        },
    )  # fmt: skip
    Inbox.objects.create(
        name="Contact form", channel="web", from_name="Fieldbook Support",
        config={
            "title": "Contact Fieldbook", "company": "Fieldbook", "ask_name": "required", "ask_subject": "required",
            "intro": "Tell us what is wrong. We answer by e-mail, usually within a day.",
            "take_files": True, "double_opt_in": True, "language": "en", "hourly_limit": 300,
        },
    )  # fmt: skip
    return desk


def _add_people(desk: Desk) -> None:
    secret = make_password(PASSWORD)
    for name, local, role, _teams in PEOPLE:
        desk.users[local] = User.objects.create(
            email=f"{local}@demo.example",
            name=name,
            role=role,
            password=secret,
            availability=User.Availability.AVAILABLE,
            capacity=25,
            timezone="Europe/Berlin",
        )
    for name, description in TEAMS.items():
        desk.teams[name] = Team.objects.create(name=name, description=description)
        desk.members[name] = [desk.users[local] for _name, local, role, teams in PEOPLE
                              if name in teams and role == Role.AGENT]  # fmt: skip
    TeamMembership.objects.bulk_create(
        TeamMembership(team=desk.teams[team], user=desk.users[local])
        for _name, local, _role, teams in PEOPLE
        for team in teams
    )


def _add_skills(desk: Desk) -> None:
    """Languages and crafts, the ways in which teams assign, and a holiday that is coming."""
    for name, language, people in SKILLS:
        skill = Skill.objects.create(name=name, language=language)
        UserSkill.objects.bulk_create([UserSkill(skill=skill, user=desk.users[local]) for local in people])
    for name, columns in STRATEGIES.items():
        Team.objects.filter(pk=desk.teams[name].pk).update(**columns)
        desk.teams[name].refresh_from_db()
    monday = timezone.now().replace(hour=6, minute=0, second=0, microsecond=0)
    monday += timedelta(days=14 - monday.weekday())
    Absence.objects.create(
        user=desk.users["hana"],
        deputy=desk.users["tomas"],
        starts_at=monday,
        ends_at=monday + timedelta(days=11, hours=12),
        note="Holiday",
    )


def _add_policy(
    desk: Desk,
    name: str,
    position: int,
    condition: dict[str, object],
    calendar: Calendar,
    hours: dict[str, tuple[int, int]],
) -> None:
    policy = SLAPolicy.objects.create(name=name, position=position, condition=condition, calendar=calendar)
    SLATarget.objects.bulk_create(
        SLATarget(
            policy=policy,
            priority=priority,
            first_response_seconds=first * HOUR,
            next_response_seconds=2 * first * HOUR,
            resolution_seconds=solved * HOUR,
        )
        for priority, (first, solved) in hours.items()
    )
    SLAStep.objects.create(policy=policy, timing="share", amount=75, action="warn", recipient="owner")
    if condition:
        SLAStep.objects.create(
            policy=policy, position=1, promise="resolution", timing="after", amount=30, action="warn",
            recipient="lead",
        )  # fmt: skip
    keep_version(policy=policy, by=system_viewer("demo"))
    desk.policies[name] = policy
