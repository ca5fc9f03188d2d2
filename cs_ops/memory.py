"""How the garbage collector treats a server process."""

import gc

from django.urls import get_resolver


def keep_what_is_loaded() -> None:
    """Load every page and leave all that is loaded out of the collections to come.

    The models, views and libraries of a web process are a million objects that never become garbage. Looking through them
    stopped one request in forty for 140 ms (bench/desk.py). Larger generations, the other remedy, made requests slower.
    """
    # Reading the patterns imports the pages and the REST views.
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
