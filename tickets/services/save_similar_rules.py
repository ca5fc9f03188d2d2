"""Say whether similar tickets are looked for, and when an incident is proposed."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Setting
from people.viewer import Viewer
from tickets.events import SIMILAR_RULES_SAVED
from tickets.similar_rules import LOWEST_THRESHOLD, SETTING, SimilarRules

MOST_HOURS = 24 * 14
MOST_CUSTOMERS = 100


@transaction.atomic
def save_similar_rules(*, rules: SimilarRules, by: Viewer) -> None:
    """Set the rules; they hold for tickets that come from now on. Raises ValidationError naming the field."""
    if not by.can("tickets.configure"):
        by.require("settings.manage")
    refused: dict[str, str] = {}
    if not LOWEST_THRESHOLD <= rules.threshold <= 1:
        refused["threshold"] = _("Give a number from 0.5 to 1.")
    if not 1 <= rules.hours <= MOST_HOURS:
        refused["hours"] = _("Give 1 to %d hours.") % MOST_HOURS
    if not 2 <= rules.fewest <= MOST_CUSTOMERS:
        refused["fewest"] = _("Give 2 to %d customers.") % MOST_CUSTOMERS
    if refused:
        raise ValidationError(refused)
    before = Setting.objects.filter(pk=SETTING).values_list("value", flat=True).first()
    if before == rules.as_json():
        return
    Setting.objects.update_or_create(pk=SETTING, defaults={"value": rules.as_json()})
    SIMILAR_RULES_SAVED.record(by=by, subject_id=0, detail={"rules": [before, rules.as_json()]})
