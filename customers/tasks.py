"""Celery entries of customers."""

from celery import shared_task

from customers.services.end_accounts import end_accounts
from customers.services.evaluate_segments import evaluate_segments as evaluate
from customers.services.export_contact import delete_expired_exports
from customers.services.keep_dead_letters import forget_old_letters, merge_counters
from customers.services.measure_adoption import measure_adoption
from customers.services.move_stage import apply_stage_rules, follow_lifecycle
from customers.services.roll_up_usage import forget_old_usage
from customers.services.roll_up_usage import roll_up_usage as roll_up
from people.viewer import system_viewer

# Below the time limit of a task; another run goes on where one ended.
BUDGET_SECONDS = 40.0


@shared_task(name="customers.roll_up_usage")
def roll_up_usage() -> None:
    """Roll dirty days up, merge the counters of what came in, and forget what is too old to matter."""
    roll_up(by=system_viewer("task"), seconds=BUDGET_SECONDS)
    merge_counters()
    forget_old_letters()
    forget_old_usage()


@shared_task(name="customers.end_accounts")
def end_churned_accounts() -> None:
    """End the accounts whose announced churn has become effective."""
    end_accounts(by=system_viewer("task"))


@shared_task(name="customers.delete_expired_exports")
def delete_expired_exports_task() -> None:
    """Delete the files of exports that nobody may fetch any more."""
    delete_expired_exports()


@shared_task(name="customers.evaluate_segments")
def evaluate_segments() -> None:
    """Evaluate the segments whose last look is too old, until the budget is over."""
    evaluate(by=system_viewer("task"), budget_seconds=BUDGET_SECONDS)


@shared_task(name="customers.move_stages")
def move_stages() -> None:
    """Give every account a stay that agrees with its lifecycle, then move accounts by the rules of the stages."""
    follow_lifecycle(by=system_viewer("task"))
    apply_stage_rules(by=system_viewer("task"))


@shared_task(name="customers.measure_adoption")
def measure_adoption_task() -> None:
    """Measure the adoption of the ranges of accounts that have not been measured today."""
    measure_adoption(by=system_viewer("task"), seconds=BUDGET_SECONDS)
