"""Texts of messages: what a database can store, what is new in them, the one line that lists show."""

from collections.abc import Iterable, Sequence

PREVIEW_LENGTH = 160
# So much of a text is read for one line of it.
PREVIEW_READS = 2_000
MODEL_TEXT_LENGTH = 8_000


def storable(text: str) -> str:
    """The text without what databases refuse: NUL characters are dropped, lone surrogates become "?"."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def one_line(text: str, length: int) -> str:
    """The text with each run of white space as one space, cut to ``length`` characters with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def new_text(text: str, folds: Iterable[Sequence[object]]) -> str:
    """The text without its folds (quotes, signatures); the whole text when nothing else is left.

    ``folds`` are (start, end, …) in characters, in order and disjoint, as stored in ``Message.quote_offsets``.
    """
    kept: list[str] = []
    position = 0
    for fold in folds:
        start, end = int(str(fold[0])), int(str(fold[1]))
        kept.append(text[position:start])
        position = max(position, end)
    kept.append(text[position:])
    fresh = "".join(kept).strip()
    return fresh or text.strip()


def preview(text: str, folds: Iterable[Sequence[object]] = ()) -> str:
    """The line of a ticket list: the start of what is new, at most 160 characters."""
    return one_line(new_text(text, folds)[:PREVIEW_READS], PREVIEW_LENGTH)
