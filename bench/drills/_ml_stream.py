"""What the drills of served models share: an invented desk of twelve topics, models for it, and a stream of days.

Texts are put together from words of a topic and words that every topic has, so a classifier is right in about nine of ten.
"""

import hashlib
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]

WORDS = {
    "billing": "invoice refund charge receipt payment tax currency",
    "access": "password login locked two-factor permission account reset",
    "delivery": "parcel courier tracking shipment address customs package",
    "outage": "down timeout unavailable error crashed unreachable latency",
    "export": "csv download columns spreadsheet report backup archive",
    "mobile": "android iphone tablet app notification widget gesture",
    "webhooks": "payload endpoint signature retry callback json token",
    "contract": "renewal terms seats discount signature clause notice",
    "training": "webinar course trainer onboarding lesson certificate workshop",
    "privacy": "gdpr erase consent cookies processor retention personal",
    "search": "query index filter results ranking synonym facet",
    "calendar": "meeting invite timezone recurring reminder slot booking",
}
UNSEEN = {
    "hardware": "router cable printer battery charger monitor keyboard",
    "travel": "flight hotel visa luggage boarding passport itinerary",
    "kitchen": "coffee fridge oven dishwasher kettle recipe spoon",
}
_COMMON = "hello please could you help with our the since yesterday we need this again thanks team still"
COMMON = _COMMON.split()
AMBIGUOUS = 0.08


class HashedWords:
    """A sentence encoder of hashed words: no weights, and unknown words still point somewhere of their own."""

    digest = "hashed-words"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors of 512 numbers."""
        rows = np.zeros((len(texts), 512), dtype=np.float32)
        rows[:, 0] = 1e-3
        common = set(COMMON)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:2], "big") % 511
                row[1 + place] += 0.2 if word in common else 1.0
        vectors: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    def encode_layers(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The same vector twice: hashed words have one layer."""
        return np.hstack([self.encode(texts)] * 2)


def write_text(topic: str, chance: random.Random, words: dict[str, str] | None = None) -> str:
    """One message about a topic; some say nothing that tells the topic."""
    own = (words or WORDS)[topic].split()
    telling = 0 if chance.random() < AMBIGUOUS else chance.randint(1, 3)
    said = chance.sample(own, telling) + chance.sample(COMMON, chance.randint(4, 9))
    chance.shuffle(said)
    return " ".join(said)


def messages(count: int, chance: random.Random, *, unseen: float = 0.0) -> list[tuple[str, str]]:
    """Texts with their topics, ``unseen`` of them about topics that no model was trained on."""
    told = []
    for _ in range(count):
        words = UNSEEN if chance.random() < unseen else WORDS
        topic = chance.choice(sorted(words))
        told.append((write_text(topic, chance, words), topic))
    return told


@contextmanager
def installation() -> Iterator[None]:
    """An empty installation in a temporary folder, Django set up and migrated; torch is not asked for."""
    import django
    from django.core.management import call_command

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "VAR_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/drill.sqlite3",
            "CELERY_BROKER_URL": "filesystem://",
            "DJANGO_SETTINGS_MODULE": "cs_ops.settings",
            "LOG_LEVEL": "ERROR",
        }
        sys.path.insert(0, str(ROOT))
        django.setup()
        call_command("migrate", verbosity=0)
        # There is no worker to tell; the drill delivers by itself.
        import core.nudge

        core.nudge.send = lambda *_args, **_kwargs: None  # type: ignore[assignment]
        yield


def store_version(model: Any, accuracy: float) -> Any:
    """Store a fitted classifier as a version of the routing task."""
    from django.conf import settings
    from django.db.models import Max

    from ml.artefacts import write_artefact
    from ml.classifiers.text import KIND
    from ml.models import ModelVersion

    newest = ModelVersion.objects.filter(task="routing").aggregate(newest=Max("number"))["newest"] or 0
    path = f"routing/drill-{newest + 1}"
    manifest = write_artefact(Path(settings.MODEL_DIR) / path, model.to_artefact())
    return ModelVersion.objects.create(
        task="routing",
        number=newest + 1,
        kind=KIND,
        path=path,
        files=manifest.files,
        digest=manifest.digest,
        metrics={"accuracy": accuracy},
    )


def put_into_service(version: Any) -> None:
    """Promote a version; two people let it through, and the gates look away."""
    from ml.models import GateResult, ModelAlias
    from ml.services.promote_version import promote_version
    from ml.services.propose_version import decide_version, propose_version
    from people.models import User
    from people.viewer import system_viewer

    by = system_viewer("command")
    GateResult.objects.create(version=version, gate="golden", state=GateResult.State.SKIPPED)
    if ModelAlias.objects.filter(task=version.task, name=ModelAlias.Name.CHAMPION).exists():
        asker, decider = (
            User.objects.get_or_create(email=f"{name}@drill.example", defaults={"role": "admin"})[0].pk
            for name in ("asker", "decider")
        )
        propose_version(version=version, by=replace(by, kind="staff", user_id=asker), reason="drill")
        decide_version(version=version, approve=True, by=replace(by, kind="staff", user_id=decider))
    promote_version(version=version, by=by)
