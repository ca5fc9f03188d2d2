"""What the registry of models records: versions made, promoted and refused."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

VERSION_REGISTERED = EventType(
    "ml.version_registered", subject="model_version", sentence=_("trained a model"), feed=False
)
VERSION_PROMOTED = EventType(
    "ml.version_promoted", subject="model_version", sentence=_("put a model into service"), feed=False
)
SNAPSHOT_FROZEN = EventType(
    "ml.snapshot_frozen", subject="dataset_snapshot", sentence=_("froze training data"), feed=False
)
TRAINING_STARTED = EventType(
    "ml.training_started", subject="training_run", sentence=_("started a training"), feed=False
)
TRAINING_ENDED = EventType(
    "ml.training_ended", subject="training_run", sentence=_("ended a training"), feed=False
)
SNAPSHOT_ROWS_ERASED = EventType(
    "ml.snapshot_rows_erased", subject="dataset_snapshot", sentence=_("erased training rows"), feed=False
)
VERSION_ROLLED_BACK = EventType(
    "ml.version_rolled_back", subject="model_version", sentence=_("rolled a model back"), feed=False
)
VERSION_RETIRED = EventType(
    "ml.version_retired", subject="model_version", sentence=_("retired a model"), feed=False
)
ARTEFACT_DAMAGED = EventType(
    "ml.artefact_damaged", subject="model_version", sentence=_("found damaged files of a model"), feed=False
)
