"""How the garbage collector treats a server process."""

import gc


def keep_what_is_loaded() -> None:
    """Leave what is loaded by now out of every collection, and collect less often.

    The models, serializers and libraries of a web process are a million objects that never become garbage; looking through
    them again and again took a seventh of a request's time (bench/desk.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
