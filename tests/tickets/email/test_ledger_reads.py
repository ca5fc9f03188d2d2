"""Who sees which mail of the ledger, and its raw text."""

import pytest

from people.models import Team, User
from tests.tickets.email.mails import mail_of, take
from tickets.channels.email.selectors import can_retry, mail_counts, mails, raw_text
from tickets.channels.email.services.retry_mail import retry_mail
from tickets.models import Inbox, MailLedger, Ticket

pytestmark = pytest.mark.django_db


def test_a_broken_mail_can_be_read_and_counted(inbox: Inbox, agent: User) -> None:
    broken = take(b"Subject: Gr\xfc\xdfe\r\n\r\n<b>\x00\x1b[31mhello</b>\r\n", inbox)
    fine = take(mail_of(), inbox)
    viewer = agent.as_viewer()
    assert list(mails(viewer)) == [fine, broken]
    assert list(mails(viewer, state="quarantined")) == [broken]
    assert mail_counts(viewer) == {"quarantined": 1, "ticket": 1}
    assert raw_text(broken) == "Subject: Grüße\n\n<b>\ufffd\ufffd[31mhello</b>\n"
    assert can_retry(broken, viewer)
    assert not can_retry(fine, viewer)


def test_mail_of_a_private_team_stays_there(agent: User, lead_user: User, analyst: User) -> None:
    private = Team.objects.create(name="Legal", is_private=True)
    closed = Inbox.objects.create(name="Legal", channel="email", default_team=private)
    open_inbox = Inbox.objects.create(name="Support", channel="email")
    theirs = take(b"broken", closed)
    moved = take(mail_of(subject="to legal"), open_inbox)
    Ticket.objects.filter(pk=moved.ticket_id).update(team=private)
    everybodys = take(b"broken too", open_inbox)
    assert list(mails(agent.as_viewer())) == [everybodys]
    assert list(mails(lead_user.as_viewer())) == [everybodys, moved, theirs]
    assert not can_retry(everybodys, analyst.as_viewer())
    with pytest.raises(MailLedger.DoesNotExist):
        retry_mail(ledger=theirs, by=agent.as_viewer())
