"""The rows the ground cannot do without; put in place after every migration (and after a flush)."""

from typing import Any

from core.models import Sequencer


def put_first_rows(**_: Any) -> None:
    """Start the order of events at 0."""
    Sequencer.objects.get_or_create(pk=1)
