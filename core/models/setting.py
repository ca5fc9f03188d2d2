"""Installation-wide values that a person changes in the product."""

from django.db import models


class Setting(models.Model):
    """One named JSON value, for example whether the first-run page has been completed."""

    key = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)
