"""What a text says, as a vector: one per subject and encoder."""

from typing import ClassVar

from django.db import models


class SubjectVector(models.Model):
    """The unit vector of a subject's text as float16 bytes; vectors of different encoders are never compared.

    A row is never changed: a new text gives a new row in its place, so that whoever has read up to a primary key reads on from
    there. A text that says nothing has the zero vector, which is near to nothing.
    """

    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    encoder = models.CharField(max_length=64)
    vector = models.BinaryField()
    text_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "encoder"], name="one_vector_per_subject"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["subject_kind", "encoder", "id"], name="vector_reading")]
