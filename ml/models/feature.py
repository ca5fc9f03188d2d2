"""Values of features that cannot be computed again from facts in reasonable time."""

from typing import ClassVar

from django.db import models


class FeatureValue(models.Model):
    """What a kept feature was at a full hour, ``as_of``; it could be used from ``available_at`` on. Written by
    ``ml.services.materialise_features`` alone, when it changes and now and then."""

    feature = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField()
    entity_id = models.BigIntegerField()
    as_of = models.DateTimeField()
    available_at = models.DateTimeField()
    value = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["feature", "entity_id", "as_of", "version"], name="one_value_per_feature_and_moment"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["feature", "as_of"], name="feature_value_newest")]

    def __str__(self) -> str:
        return f"{self.feature} of {self.entity_id} at {self.as_of:%Y-%m-%d %H:%M}"
