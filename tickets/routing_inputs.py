"""What classifiers read of a ticket: its text, subject first, and what stands beside it: channel, language, tier of the account.

Point in time: channel and text stay as they came, and the language is guessed from the text. The tier is the account's of the
day: it is kept with the prediction (``Prediction.facts``), and training reads it there. The product keeps no history of tiers,
so tickets without such a prediction, and those whose details have been forgotten, are learned from without a tier.
"""

from collections.abc import Mapping, Sequence

from ml.classifiers import TextInput
from ml.languages import guess_language
from ml.models import Prediction
from tickets.models import Ticket
from tickets.routing import ticket_texts
from tickets.ticket_facts import ROUTING_TASK, SUBJECT_KIND

FACTS = ("channel", "language", "tier")


def ticket_inputs(tickets: Sequence[Ticket]) -> list[TextInput]:
    """What is read of tickets that have just come. Two queries."""
    return _inputs(tickets, _tiers(tickets))


def past_inputs(tickets: Sequence[Ticket]) -> list[TextInput]:
    """What was read, or would have been read, of tickets when they came. Two queries."""
    kept = Prediction.objects.filter(
        task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id__in=[one.pk for one in tickets]
    )
    tiers = {pk: facts.get("tier") for pk, facts in kept.values_list("subject_id", "facts")}
    return _inputs(tickets, tiers)


def with_facts(said: Sequence[tuple[Ticket, str]]) -> list[TextInput]:
    """What is read of single messages of tickets, which have no subject of their own. One query."""
    tiers = _tiers([ticket for ticket, _text in said])
    return [TextInput(text, facts=_facts(ticket, text, tiers)) for ticket, text in said]


def _tiers(tickets: Sequence[Ticket]) -> dict[int, str | None]:
    rows = Ticket.objects.filter(pk__in=[one.pk for one in tickets]).exclude(account=None)
    return dict(rows.values_list("pk", "account__tier"))


def _inputs(tickets: Sequence[Ticket], tiers: Mapping[int, str | None]) -> list[TextInput]:
    return [
        TextInput(text, has_subject=True, facts=_facts(ticket, text, tiers))
        for ticket, text in zip(tickets, ticket_texts(tickets), strict=True)
    ]


def _facts(ticket: Ticket, text: str, tiers: Mapping[int, str | None]) -> dict[str, str | None]:
    return {
        "channel": ticket.channel or None,
        "language": guess_language(text) or None,
        "tier": tiers.get(ticket.pk) or None,
    }
