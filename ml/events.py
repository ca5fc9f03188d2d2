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
TRIAL_STOPPED = EventType(
    "ml.trial_stopped", subject="model_version", sentence=_("ended the trial of a model"), feed=False
)
TASK_STOPPED = EventType(
    "ml.task_stopped", subject="model_version", sentence=_("left a model to people"), feed=False
)
GOLDEN_CASE_KEPT = EventType(
    "ml.golden_case_kept", subject="golden_case", sentence=_("kept a case for models"), feed=False
)
GOLDEN_CASE_RETIRED = EventType(
    "ml.golden_case_retired", subject="golden_case", sentence=_("retired a case for models"), feed=False
)
STOP_ENDED = EventType("ml.stop_ended", subject="model_version", sentence=_("let a model go on"), feed=False)
DRIFT_SEEN = EventType(
    "ml.drift_seen", subject="model_version", sentence=_("saw a change in what comes in"), feed=False
)
CLASS_MODE_SET = EventType(
    "ml.class_mode_set",
    subject="model_version",
    sentence=_("changed what a model does by itself"),
    feed=False,
)
CLASS_STEPPED_DOWN = EventType(
    "ml.class_stepped_down", subject="model_version", sentence=_("trusts a model less"), feed=False
)
