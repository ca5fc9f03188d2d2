"""Merges of accounts: what moved and what was overwritten, so that a merge can be taken back."""

from typing import ClassVar

from django.db import models

from customers.models.account import Account


class AccountMerge(models.Model):
    """``source`` was taken over by ``target`` and points at it. ``before`` holds the columns of both that the merge changed.

    It can be taken back until ``undo_until``.
    """

    source = models.ForeignKey(Account, models.CASCADE, related_name="+")
    target = models.ForeignKey(Account, models.CASCADE, related_name="merges")
    before = models.JSONField(default=dict)
    merged_at = models.DateTimeField()
    undo_until = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(undone_at=None), name="one_open_merge_per_account"
            ),
        ]


class AccountMergeMove(models.Model):
    """Some rows that moved with a merge: primary keys, by the key of their ``AccountRows``, at most 5,000 in a row."""

    merge = models.ForeignKey(AccountMerge, models.CASCADE, related_name="moves")
    table = models.CharField(max_length=40)
    row_ids = models.JSONField()
