"""What CSMs of the demo company have written down: notes, meetings, and how people stand to the product."""

from datetime import datetime, timedelta

from cs_ops.demo.companies import Customers
from cs_ops.demo.latent import stream
from customers.models import AccountNote, Contact, Meeting, SponsorChange

NOTES = (
    "Works council must agree before new features are switched on.",
    "Budget year ends in June: talk about the renewal before May.",
    "Prefers calls to mails; mornings are best.",
    "Group headquarters decides, the branch only recommends.",
)
MEETINGS = ("Business review", "Workshop with dispatchers", "Renewal talk", "Quarterly check-in")
OUTCOMES = (
    "Agreed on the plan for the quarter.",
    "They want the offline mode first.",
    "Open questions about the price.",
)
INFLUENCE = {"sponsor": 3, "buyer": 3, "champion": 2, "admin": 2, "user": 1}


def add_people_notes(seed: int, customers: Customers, now: datetime) -> None:
    """Write notes and meetings of every third customer, influence and stance of people with a say, and a few findings."""
    rng = stream(seed, "people-notes")
    notes: list[AccountNote] = []
    meetings: list[tuple[Meeting, list[Contact]]] = []
    people: list[Contact] = []
    changes: list[SponsorChange] = []
    for company in customers.companies:
        account = company.account
        for contact in company.contacts:
            contact.influence = INFLUENCE.get(contact.role)
            odds = [0.35, 0.35, 0.1, 0.2] if company.life.mean > 0.5 else [0.15, 0.35, 0.3, 0.2]
            contact.stance = str(rng.choice(["promoter", "neutral", "detractor", "unknown"], p=odds))
            people.append(contact)
        if account.churned_on is not None or rng.random() > 0.35:
            continue
        day = now - timedelta(days=int(rng.integers(5, 150)))
        notes.append(
            AccountNote(
                account=account, author_id=account.csm_id, text=str(rng.choice(NOTES)), is_pinned=rng.random() < 0.5,
                created_at=day,
            )
        )  # fmt: skip
        starts = now + timedelta(days=int(rng.integers(-60, 20)))
        past = starts < now
        meeting = Meeting(
            account=account, title=str(rng.choice(MEETINGS)), created_by_id=account.csm_id, created_at=min(starts, now),
            starts_at=starts.replace(hour=int(rng.integers(8, 16)), minute=0, second=0),
            outcome=str(rng.choice(OUTCOMES)) if past else "",
        )  # fmt: skip
        meetings.append((meeting, [one for one in company.contacts if one.left_at is None][:2]))
        sponsor = next(
            (one for one in company.contacts if one.role == "champion" and one.left_at is None), None
        )
        if sponsor is not None and rng.random() < 0.12:
            changes.append(
                SponsorChange(
                    account=account, contact=sponsor, role=sponsor.role, kind=SponsorChange.Kind.AUTO_REPLY,
                    evidence={"text": f"{sponsor.name} is no longer with {account.name}"}, found_at=day,
                )
            )  # fmt: skip
    Contact.objects.bulk_update(people, ["influence", "stance"], batch_size=500)
    AccountNote.objects.bulk_create(notes, batch_size=1000)
    Meeting.objects.bulk_create([meeting for meeting, _contacts in meetings], batch_size=1000)
    attended = Meeting.contacts.through
    attended.objects.bulk_create(
        [attended(meeting=meeting, contact=one) for meeting, contacts in meetings for one in contacts],
        batch_size=2000,
    )
    led = Meeting.staff.through
    led.objects.bulk_create(
        [
            led(meeting=meeting, user_id=meeting.created_by_id)
            for meeting, _who in meetings
            if meeting.created_by_id
        ],
        batch_size=2000,
    )
    SponsorChange.objects.bulk_create(changes, batch_size=1000)
