"""The demo company's customers: accounts, contacts, consents, contracts and the revenue ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from core.services.record_history import PastEvent
from cs_ops.demo.finance import add_invoices, add_rates, booked
from cs_ops.demo.latent import Life, live, stream
from cs_ops.demo.names import (
    COUNTRIES,
    TITLES,
    Country,
    address_of,
    company_names,
    domain_of,
    person_name,
    pick_country,
)
from cs_ops.demo.staff import Desk
from customers.events import (
    ACCOUNT_CHANGED,
    ACCOUNT_CREATED,
    CONSENT_RECORDED,
    CONTACT_CHANGED,
    CONTACT_CREATED,
    REVENUE_MOVED,
    TOUCH_LOGGED,
)
from customers.models import Account, ConsentEvent, Contact, ContactIdentity, RevenueMovement, Subscription
from people.viewer import Viewer, system_viewer

SOURCE = "seed"
SYSTEM = system_viewer(SOURCE)
ROLES = ("champion", "admin", "user", "sponsor", "user", "buyer", "user", "user")
TIERS = ("enterprise", "growth", "starter")
SEAT_PRICE = {"enterprise": 640, "growth": 520, "starter": 420}
TOUCHES = {
    "call": ("Monthly call: went through open tickets and the plan for the quarter.",
             "Call with the champion about adoption in the regions.", "Short call, they asked about the roadmap."),
    "meeting": ("Business review with the sponsor, next steps agreed.", "Workshop on recurring visits with dispatchers."),
    "email": ("Sent the summary of last month's usage.", "Shared the release notes that matter to them."),
    "note": ("Sponsor travels a lot, best reached on Fridays.", "They compare offers, price is a topic."),
}  # fmt: skip


@dataclass
class Company:
    """One account with its truth and its people. ``adoption`` is the share of seats in use at full satisfaction."""

    number: int
    account: Account
    country: Country
    life: Life
    since: date
    renewal: date
    adoption: float
    contacts: list[Contact] = field(default_factory=list)

    @property
    def ends_on(self) -> date | None:
        """The day the contract ended; None for customers of today."""
        return self.account.churned_on


@dataclass
class Customers:
    """All companies, people without a company, the events that tell how they came to be, addresses by contact id."""

    companies: list[Company]
    strangers: list[Contact]
    events: list[PastEvent]
    addresses: dict[int, str] = field(default_factory=dict)


def at(day: date, hour: int = 9, minute: int = 0) -> datetime:
    """Return a moment of a day in UTC."""
    return datetime.combine(day, time(hour, minute), UTC)


def staff(user_id: int | None) -> Viewer:
    """Return a member of staff as the actor of past events."""
    return Viewer(kind="staff", user_id=user_id, source=SOURCE)


def build_customers(seed: int, count: int, desk: Desk, now: datetime, *, light: bool = False) -> Customers:
    """Write the customers and return them; ``light``: with two people each, whom nobody calls."""
    names = company_names(count, stream(seed, "names"))
    companies = [_draw_company(seed, number, name, desk, now) for number, name in enumerate(names)]
    Account.objects.bulk_create([company.account for company in companies])
    for company in companies:
        Account.objects.filter(pk=company.account.pk).update(created_at=at(company.since))
    events = [
        PastEvent(ACCOUNT_CREATED, staff(company.account.csm_id), company.account.pk, at(company.since),
                  account_id=company.account.pk, detail={"name": company.account.name})
        for company in companies
    ]  # fmt: skip
    _add_contacts(seed, companies, events, now, light=light)
    strangers = _add_strangers(seed, max(2, count // 10), now)
    _add_revenue(seed, companies, events, now, light=light)
    events += [change for company in companies for change in _moved_renewals(company)]
    if not light:
        _add_touches(seed, companies, events, now)
    addresses = dict(ContactIdentity.objects.filter(kind="email").values_list("contact_id", "value"))
    return Customers(companies, strangers, events, addresses)


def _draw_company(seed: int, number: int, name: str, desk: Desk, now: datetime) -> Company:
    rng = stream(seed, "company", number)
    today = now.date()
    tier = str(rng.choice(TIERS, p=[0.2, 0.45, 0.35]))
    country = pick_country(rng)
    middle = {"enterprise": 190, "growth": 60, "starter": 16}[tier]
    seats = int(np.clip(rng.lognormal(np.log(middle), 0.5), 5, 900))
    age_days = int(rng.integers(25, 330)) if rng.random() < 0.24 else int(rng.integers(370, 1900))
    since = today - timedelta(days=age_days)
    renewal = _next_anniversary(since, today)
    life = live(seed, number, since=since, renewal=renewal, today=today)
    ended = life.ends_on if life.ends_on is not None and life.ends_on <= today else None
    csms = desk.csms
    account = Account(
        name=name,
        domain=domain_of(name),
        external_id=f"FB-{10_000 + number}",
        tier=tier,
        lifecycle=_stage(age_days, (renewal - today).days, ended=ended is not None),
        currency=country.currency,
        seats=seats,
        csm=csms[int(rng.integers(len(csms)))] if tier != "starter" or rng.random() < 0.7 else None,
        customer_since=since,
        renewal_on=ended or renewal,
        churned_on=ended,
        timezone=country.zone,
    )
    return Company(number, account, country, life, since, renewal, adoption=float(rng.beta(9, 2)))


def _stage(age_days: int, to_renewal: int, *, ended: bool) -> str:
    stage = Account.Lifecycle
    if ended:
        return stage.CHURNED
    if age_days < 90:
        return stage.ONBOARDING
    if to_renewal <= 75:
        return stage.RENEWING
    return stage.ADOPTING if age_days < 365 else stage.ESTABLISHED


def _next_anniversary(since: date, today: date) -> date:
    year = today.year - 1
    while True:
        day = since.replace(year=year, day=min(since.day, 28))
        if day > today and day > since:
            return day
        year += 1


# --- people -----------------------------------------------------------------------------------------------------------


def _add_contacts(
    seed: int, companies: list[Company], events: list[PastEvent], now: datetime, *, light: bool
) -> None:
    addresses: dict[str, Contact] = {}
    for company in companies:
        rng = stream(seed, "people", company.number)
        for role in ROLES[: 2 if light else _people(company, rng)]:
            name = person_name(company.country, rng)
            address = address_of(name, company.account.domain)
            if address in addresses:
                continue
            contact = Contact(
                account=company.account,
                name=name,
                title=str(rng.choice(TITLES[role])),
                role=role,
                language=company.country.language,
                timezone="" if rng.random() < 0.85 else str(rng.choice([one.zone for one in COUNTRIES])),
            )
            addresses[address] = contact
            company.contacts.append(contact)
    contacts = list(addresses.values())
    Contact.objects.bulk_create(contacts)
    ContactIdentity.objects.bulk_create(
        ContactIdentity(contact=contact, kind="email", value=address)
        for address, contact in addresses.items()
    )
    consents: list[ConsentEvent] = []
    for company in companies:
        _date_contacts(seed, company, events, consents, now)
    Contact.objects.bulk_update(contacts, ["created_at", "left_at"], batch_size=500)
    ConsentEvent.objects.bulk_create(sorted(consents, key=lambda row: row.at))


def _people(company: Company, rng: np.random.Generator) -> int:
    most = {"enterprise": 8, "growth": 6, "starter": 4}[company.account.tier]
    return int(rng.integers(most // 2 + 1, most + 1))


def _date_contacts(
    seed: int, company: Company, events: list[PastEvent], consents: list[ConsentEvent], now: datetime
) -> None:
    """Say when each contact came, what it agreed to, and that the sponsor left where the truth says so."""
    rng = stream(seed, "consent", company.number)
    account_id = company.account.pk
    days = max(1, (now.date() - company.since).days - 20)
    shock = company.life.shock
    for place, contact in enumerate(company.contacts):
        came = company.since + timedelta(days=int(rng.integers(0, min(days, 30))))
        contact.created_at = at(came)
        events.append(
            PastEvent(CONTACT_CREATED, SYSTEM, contact.pk, contact.created_at, account_id=account_id,
                      detail={"name": contact.name})
        )  # fmt: skip
        said = [("granted", 5 + int(rng.integers(0, 10)))] if rng.random() < 0.86 else []
        if said and rng.random() < 0.07:
            said.append(
                (str(rng.choice(["withdrawn", "withdrawn", "bounced"])), int(rng.integers(15, max(16, days))))
            )
        for status, offset in said:
            moment = min(contact.created_at + timedelta(days=offset), now - timedelta(hours=1))
            consents.append(
                ConsentEvent(
                    contact=contact,
                    status=status,
                    at=moment,
                    source="contract" if status == "granted" else "page",
                )
            )
            detail = {"channel": "email", "topic": "success", "status": status, "source": SOURCE}
            events.append(
                PastEvent(CONSENT_RECORDED, SYSTEM, contact.pk, moment, account_id=account_id, detail=detail)
            )
        left_week = shock.week if shock is not None and shock.kind == "sponsor left" else None
        if (
            left_week is not None
            and contact.role == ("sponsor" if place >= 3 else "champion")
            and place in (0, 3)
        ):
            left = now - timedelta(days=7 * (59 - left_week))
            if left > contact.created_at and (place == 3 or len(company.contacts) <= 3):
                contact.left_at = left
                changed: dict[str, Any] = {"changed": {"left_at": [None, left.isoformat()]}}
                events.append(
                    PastEvent(
                        CONTACT_CHANGED, SYSTEM, contact.pk, left, account_id=account_id, detail=changed
                    )
                )


def _add_strangers(seed: int, count: int, now: datetime) -> list[Contact]:
    """Add people who write from private addresses and belong to no account."""
    rng = stream(seed, "strangers")
    people: dict[str, Contact] = {}
    for number in range(count):
        name = person_name(pick_country(rng), rng)
        people[address_of(name, "mailbox.example").replace("@", f"{number}@")] = Contact(name=name)
    Contact.objects.bulk_create(people.values())
    ContactIdentity.objects.bulk_create(
        ContactIdentity(contact=contact, kind="email", value=address) for address, contact in people.items()
    )
    return list(people.values())


# --- money ------------------------------------------------------------------------------------------------------------


def _add_revenue(
    seed: int, companies: list[Company], events: list[PastEvent], now: datetime, *, light: bool
) -> None:
    movements: list[RevenueMovement] = []
    subscriptions: list[Subscription] = []
    table = add_rates(seed, {company.account.currency for company in companies}, now)
    for company in companies:
        rng = stream(seed, "revenue", company.number)
        mine = list(_movements(company, rng, now.date(), announced=light))
        account = company.account
        running = [movement.amount for movement in mine if movement.effective_on <= now.date()]
        account.arr = sum(running, Decimal(0))
        for movement in mine:
            detail = {"kind": movement.kind, "amount": movement.amount, "effective_on": movement.effective_on,
                      "notice_on": movement.notice_on}  # fmt: skip
            events.append(
                PastEvent(REVENUE_MOVED, staff(account.csm_id), account.pk, movement.recorded_at,
                          account_id=account.pk, detail=detail)
            )  # fmt: skip
        sold = _subscriptions(company, mine, rng)
        subscriptions += sold
        movements += booked(mine, sold, table)
    Subscription.objects.bulk_create(subscriptions)
    RevenueMovement.objects.bulk_create(sorted(movements, key=lambda row: row.recorded_at))
    Account.objects.bulk_update([company.account for company in companies], ["arr"], batch_size=500)
    if not light:
        add_invoices(seed, companies, now)


def _moved_renewals(company: Company) -> Iterator[PastEvent]:
    """Yield that the renewal date became the end of the contract when notice was given: before, nobody knew."""
    account, notice = company.account, company.life.notice_on
    if company.ends_on is not None and notice is not None:
        changed = {"renewal_on": [company.renewal, company.ends_on]}
        yield PastEvent(ACCOUNT_CHANGED, staff(account.csm_id), account.pk, at(notice, 10), account_id=account.pk,
                        detail={"changed": changed})  # fmt: skip


def _movements(
    company: Company, rng: np.random.Generator, today: date, *, announced: bool
) -> Iterator[RevenueMovement]:
    """Yield the ledger: the start, changes that follow satisfaction, and the end, with ``announced`` also one to come."""
    account = company.account
    kind = RevenueMovement.Kind
    total = _round(account.seats * SEAT_PRICE[account.tier] * rng.uniform(0.8, 1.25))

    def movement(what: str, amount: Decimal, day: date, notice: date | None = None) -> RevenueMovement:
        return RevenueMovement(
            account=account, kind=what, amount=amount, currency=account.currency, effective_on=day,
            notice_on=notice, recorded_at=at(notice or day, 10),
        )  # fmt: skip

    yield movement(kind.NEW, total, company.since)
    for months_ago in (10, 7, 4, 1):
        day = today - timedelta(days=30 * months_ago + int(rng.integers(0, 20)))
        over = company.ends_on is not None and day > company.ends_on - timedelta(days=40)
        if (day - company.since).days < 60 or over or rng.random() > 0.3:
            continue
        grows = rng.random() < 1 / (1 + np.exp(-1.6 * company.life.at(day, today)))
        change = _round(float(total) * rng.uniform(0.05, 0.22))
        amount = change if grows else -min(change, total / 2)
        total += amount
        # Of the customers that have grown, some pay a higher price for the same.
        more = kind.PRICE_UPLIFT if company.number % 4 == 0 else kind.EXPANSION
        yield movement(more if grows else kind.CONTRACTION, amount, day)
    ends = company.life.ends_on if announced else company.ends_on
    if ends is not None:
        yield movement(kind.CHURN, -total, ends, company.life.notice_on)


def _subscriptions(
    company: Company, mine: list[RevenueMovement], rng: np.random.Generator
) -> list[Subscription]:
    account = company.account
    paid = account.arr or sum((movement.amount for movement in mine[:-1]), Decimal(0))
    shares = [("Fieldbook", Decimal(1))]
    if rng.random() < 0.35:
        shares = [("Fieldbook", Decimal("0.8")), ("Fieldbook Analytics", Decimal("0.2"))]
    return [
        Subscription(
            account=account,
            external_id=f"{account.external_id}-{number}",
            product=product,
            plan=account.get_tier_display(),
            seats=account.seats if number == 1 else 0,
            arr=(paid * share).quantize(Decimal("0.01")),
            currency=account.currency,
            starts_on=company.since,
            renews_on=None if company.ends_on else account.renewal_on,
            ended_on=company.ends_on,
        )
        for number, (product, share) in enumerate(shares, start=1)
    ]


def _round(amount: float) -> Decimal:
    """Return an amount in whole hundreds."""
    return Decimal(max(1, round(amount / 100))) * 100


def _add_touches(seed: int, companies: list[Company], events: list[PastEvent], now: datetime) -> None:
    """Log calls, meetings and notes of the CSMs: about every five weeks, more rarely where nobody answers."""
    for company in companies:
        account = company.account
        rng = stream(seed, "touch", company.number)
        pace = {"enterprise": 20, "growth": 28, "starter": 45}[account.tier] * rng.uniform(0.7, 1.6)
        day = max(company.since, now.date() - timedelta(days=380)) + timedelta(days=int(rng.integers(5, 30)))
        end = company.ends_on or now.date()
        last: datetime | None = None
        while account.csm_id is not None and day < end:
            if day.weekday() < 5:
                kind = str(rng.choice(list(TOUCHES), p=[0.45, 0.15, 0.25, 0.15]))
                last = at(day, int(rng.integers(8, 16)), int(rng.integers(0, 60)))
                detail = {"kind": kind, "text": str(rng.choice(TOUCHES[kind]))}
                events.append(
                    PastEvent(
                        TOUCH_LOGGED,
                        staff(account.csm_id),
                        account.pk,
                        last,
                        account_id=account.pk,
                        detail=detail,
                    )
                )
            day += timedelta(days=max(4, int(rng.exponential(pace))))
        if last is not None and last < now:
            account.last_touch_at = last
    Account.objects.bulk_update([company.account for company in companies], ["last_touch_at"], batch_size=500)
