"""Notes and meetings: what is pinned beside the overview, everything on a tab."""

from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Account, AccountNote, Meeting
from customers.registry import AccountPanel
from people.viewer import Viewer

SHOWN = 100
PINNED = 3


class PinnedNotes(AccountPanel):
    """Pinned notes and the next meeting."""

    key = "pinned"
    label = gettext_lazy("Good to know")
    place = "side"
    order = 5
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the newest pinned notes and the next meeting; None without either."""
        notes = AccountNote.objects.visible_to(viewer).filter(account=account, is_pinned=True)
        pinned = list(notes.select_related("author").order_by("-pk")[:PINNED])
        planned = Meeting.objects.visible_to(viewer).filter(account=account, starts_at__gt=timezone.now())
        meeting = planned.order_by("starts_at").first()
        if not pinned and meeting is None:
            return None
        url = reverse("account-tab", args=[account.pk, "notes"])
        return {"pinned": pinned, "meeting": meeting, "more_text": _("All notes"), "more_url": url}


class NotesTab(AccountPanel):
    """Notes, pinned ones first, and meetings, the last one first."""

    key = "notes"
    label = gettext_lazy("Notes")
    place = "tab"
    order = 50
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the newest of both."""
        notes = AccountNote.objects.visible_to(viewer).filter(account=account).select_related("author")
        meetings = Meeting.objects.visible_to(viewer).filter(account=account)
        return {
            "notes": notes.order_by(F("is_pinned").desc(), "-pk")[:SHOWN],
            "meetings": meetings.prefetch_related("contacts__identities", "staff").order_by(
                "-starts_at", "-pk"
            )[:SHOWN],
            "now": timezone.now(),
            "may_edit": viewer.can("customers.edit"),
        }
