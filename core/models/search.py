"""The search index: one row per indexed text. The words themselves stand in a column or table of the database's own kind."""

from typing import ClassVar

from django.db import models


class SearchDocument(models.Model):
    """An indexed text. ``stream_id`` groups the texts of one case, ``at`` is when it was written, ``internal`` texts are for
    staff only.

    On PostgreSQL the row has a column ``words`` (tsvector); on SQLite the words are in the virtual table
    ``core_searchtext`` under the same id. Both are made by a migration, not by the model. A trigger of SQLite takes the words
    away with the row: a migration that rebuilds this table must make the trigger again.
    """

    kind = models.CharField(max_length=16)
    object_id = models.BigIntegerField()
    stream_id = models.BigIntegerField()
    at = models.DateTimeField()
    internal = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "object_id"], name="one_document_per_object")
        ]
        indexes: ClassVar = [
            models.Index(fields=["kind", "-at", "-id"], name="search_newest"),
            models.Index(fields=["stream_id"], name="search_stream"),
        ]


class SearchWord(models.Model):
    """A word that occurs in indexed texts, and in about how many: what misspelt words are compared with (PostgreSQL)."""

    word = models.CharField(max_length=64, primary_key=True)
    documents = models.PositiveIntegerField(default=1)
