"""What belongs to an account is either moved when it is merged, or named here with the reason why it stays."""

from django.apps import apps

from customers.models import Account
from customers.registry import account_rows_parts

STAYS = {
    "customers.Account.merged_into": "the pointer itself",
    "customers.AccountMerge.source": "the merge itself",
    "customers.AccountMerge.target": "the merge itself",
    "customers.DirtyUsageDay.account": "made again when usage moves",
    "customers.FeatureAdoption.account": "made again from daily usage",
    "customers.SegmentMembership.account": "a merged account leaves its segments",
    "customers.StageStay.account": "the stages of two accounts are no line",
    "customers.TodayMark.account": "a wish of somebody for a few days",
    "customers.UsageDailyRevision.account": "what was known of the merged account alone",
    "customers.UsageMonth.account": "made again from daily usage",
    "health.HealthOverride.account": "was said of the score of one account",
    "health.LensSnapshot.account": "was said of one account",
    "health.ScoreDue.account": "a mark for the next seconds",
}


def test_each_table_of_accounts_says_what_becomes_of_its_rows_in_a_merge() -> None:
    moved = {f"{part.model._meta.label}.{part.field}" for part in account_rows_parts()}
    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model is Account
    }
    assert found - moved - STAYS.keys() == set()
    assert STAYS.keys() - found == set(), "these are gone: take them off the list"
    assert STAYS.keys() & moved == set()
