"""``{% load ml %}``: names of gates."""

from django import template

from ml.judging import gates

register = template.Library()


@register.filter
def gate_label(key: str) -> str:
    """What a gate is called, or its key for one of a former version."""
    return str(gates.get(key).label) if key in gates else key
