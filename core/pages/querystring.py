"""Links that keep the filter of a list: its state lives in the query string."""

from django.http import HttpRequest


def with_query(request: HttpRequest, **changes: object) -> str:
    """Return the page's query string with ``changes``; None or "" takes a name out, paging starts again."""
    query = request.GET.copy()
    query.pop("before", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"
