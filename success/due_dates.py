"""Due dates in business days."""

from datetime import date, timedelta

from people.models import User

WEEKEND = (5, 6)


def business_days_after(start: date, days: int, owner: User | None = None) -> date:
    """Return the day ``days`` (0 or more) business days after ``start``.

    Business days are the open days of the owner's working hours without their holidays, else Monday to Friday. With 0
    the result is ``start`` itself or, when that is no business day, the next one.
    """
    hours = owner.working_hours.hours() if owner is not None and owner.working_hours is not None else None
    day, left = start, days
    for _attempt in range(days * 7 + 400):
        is_open = any(hours.spans(day)) if hours is not None else day.weekday() not in WEEKEND
        if is_open and (left == 0 or day > start):
            if left <= 1:
                return day
            left -= 1
        day += timedelta(days=1)
    return start + timedelta(days=days)
