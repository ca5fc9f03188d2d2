"""Connections with CRMs: where they lead, which fields are whose, what is linked with what, and how far reading has come."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.crm.contract import OBJECT_LABELS
from people.viewer import Viewer

# How old a proof of completeness may be, and how far behind the last reading.
PROOF_HOLDS = timedelta(hours=26)
LAG_HOLDS = timedelta(hours=1)
_OBJECTS = list(OBJECT_LABELS.items())


class CrmConnectionQuerySet(models.QuerySet["CrmConnection"]):
    """Reads of connections."""

    def visible_to(self, viewer: Viewer) -> "CrmConnectionQuerySet":
        """Return all for who sets them up, none for others."""
        return self if viewer.can("crm.manage") else self.none()


class CrmConnection(models.Model):
    """An account at a CRM. Credentials and the token of the moment are sealed (``core.secret_box``).

    ``paused_until`` is set while the CRM wants to be left alone. ``proven_at`` is when a reconciliation found both sides in step,
    None since one found a gap: only a proven connection is called active.
    """

    class State(models.TextChoices):
        """How a connection is shown; computed, never stored."""

        OFF = "off", _("Switched off")
        REFUSED = "refused", _("Sign-in refused")
        NOT_STARTED = "not_started", _("Not started")
        FIRST_PASS = "first_pass", _("First reading")
        WAITING = "waiting", _("Waits for the CRM")
        FAILING = "failing", _("Failing")
        BEHIND = "behind", _("Behind")
        UNPROVEN = "unproven", _("Not proven")
        GAPS = "gaps", _("Gaps")
        ACTIVE = "active", _("Active")

    system = models.CharField(max_length=32)
    name = models.CharField(_("name"), max_length=80, unique=True)
    base_url = models.CharField(_("address"), max_length=300)
    credentials = models.TextField()
    token = models.TextField(blank=True)
    is_on = models.BooleanField(default=True)
    creates_missing = models.BooleanField(default=False)
    filter_field = models.CharField(max_length=80, blank=True)
    filter_value = models.CharField(max_length=120, blank=True)
    # Of the calls that the CRM allows, the percentage that may be used up before this connection waits.
    quota_percent = models.PositiveSmallIntegerField(default=80)

    sign_in_refused_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=300, blank=True)
    quota = models.JSONField(default=dict)
    first_pass_at = models.DateTimeField(null=True)
    last_pass_at = models.DateTimeField(null=True)
    last_check_at = models.DateTimeField(null=True)
    proven_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["CrmConnection"]] = models.Manager.from_queryset(CrmConnectionQuerySet)()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """What events say they came through when this connection wrote."""
        return f"crm:{self.pk}"

    @property
    def waits_until(self) -> datetime | None:
        """Until when the CRM is left alone; None when it need not be."""
        is_paused = self.paused_until is not None and self.paused_until > timezone.now()
        return self.paused_until if is_paused else None

    @property
    def state(self) -> "CrmConnection.State":
        """How it stands. Active is said only of a connection whose completeness was proven, lately, and that is not behind."""
        now, states = timezone.now(), CrmConnection.State
        has_failed = self.last_error_at is not None and (
            self.last_pass_at is None or self.last_error_at > self.last_pass_at
        )
        first = [
            (not self.is_on, states.OFF),
            (self.sign_in_refused_at is not None, states.REFUSED),
            (self.waits_until is not None, states.WAITING),
            (has_failed, states.FAILING),
            (self.first_pass_at is None, states.FIRST_PASS if self.token else states.NOT_STARTED),
            (self.last_pass_at is None or now - self.last_pass_at > LAG_HOLDS, states.BEHIND),
            (self.last_check_at is None, states.UNPROVEN),
            (self.proven_at is None, states.GAPS),
            (self.proven_at is not None and now - self.proven_at > PROOF_HOLDS, states.UNPROVEN),
        ]
        return next((state for is_so, state in first if is_so), states.ACTIVE)


class CrmStream(models.Model):
    """How far one object of a connection is read.

    ``watermark`` is their time up to which everything is stored; the next pass begins a little before. ``cursor`` is the place
    within the pass that is going on, ``began_at`` (their clock) and ``seen_until`` what it has seen.
    """

    connection = models.ForeignKey(CrmConnection, models.CASCADE, related_name="streams", db_index=False)
    object = models.CharField(max_length=16, choices=_OBJECTS)
    watermark = models.DateTimeField(null=True)
    cursor = models.JSONField(default=dict)
    began_at = models.DateTimeField(null=True)
    seen_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "object"], name="crm_stream_once"),
        ]


class CrmField(models.Model):
    """A field of ours that is kept in step with one of theirs, and whose value holds."""

    class Owner(models.TextChoices):
        """Who decides when the two differ."""

        CRM = "crm", _("The CRM")
        US = "us", _("CS Ops")
        NEWEST = "newest", _("Whoever changed it last")

    connection = models.ForeignKey(CrmConnection, models.CASCADE, related_name="fields", db_index=False)
    object = models.CharField(max_length=16, choices=_OBJECTS)
    ours = models.CharField(max_length=80)
    theirs = models.CharField(max_length=120)
    owner = models.CharField(max_length=8, choices=Owner.choices, default=Owner.CRM)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "object", "ours"], name="crm_field_ours_once"),
            models.UniqueConstraint(fields=["connection", "object", "theirs"], name="crm_field_theirs_once"),
        ]


class CrmLink(models.Model):
    """One record of ours and one of theirs that are the same.

    ``values`` holds per field of ours ``[ours, theirs]`` when they were last in step. ``push_version`` counts how often something
    was found that they should get; what is above ``pushed_version`` is still to be sent.
    """

    class State(models.TextChoices):
        """``gone`` was deleted there; ``erased`` is a person about whom nothing may be kept."""

        LINKED = "linked", _("Linked")
        GONE = "gone", _("Deleted in the CRM")
        ERASED = "erased", _("Erased")

    connection = models.ForeignKey(CrmConnection, models.CASCADE, related_name="links", db_index=False)
    object = models.CharField(max_length=16, choices=_OBJECTS)
    local_id = models.BigIntegerField()
    remote_id = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.LINKED)
    values = models.JSONField(default=dict)
    # What was handed over last, by field, while nobody knows whether it arrived.
    sending = models.JSONField(default=dict)
    push_version = models.PositiveIntegerField(default=0)
    pushed_version = models.PositiveIntegerField(default=0)
    # The version that a row of the outbox was written for.
    planned_version = models.PositiveIntegerField(default=0)
    push_error = models.CharField(max_length=300, blank=True)
    # The reconciliation that has seen it there last.
    seen_in_check = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "object", "remote_id"], name="crm_link_remote_once"
            ),
            models.UniqueConstraint(fields=["connection", "object", "local_id"], name="crm_link_local_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["object", "local_id"], name="crm_link_local"),
            models.Index(
                fields=["connection", "object", "id"],
                condition=models.Q(push_version__gt=models.F("planned_version")),
                name="crm_link_to_push",
            ),
        ]


class CrmRecord(models.Model):
    """A record of theirs as it came, kept before anybody reads it; the newest state of each.

    ``parent_id`` is the company that it waits for, in their ids.
    """

    class State(models.TextChoices):
        """``unmatched`` is nobody's here; ``left`` has no counterpart (a deal that is not won)."""

        WAITING = "waiting", _("Waiting")
        APPLIED = "applied", _("Applied")
        UNMATCHED = "unmatched", _("Nobody here")
        LEFT = "left", _("Left out")
        FAILED = "failed", _("Failed")

    connection = models.ForeignKey(CrmConnection, models.CASCADE, related_name="records", db_index=False)
    object = models.CharField(max_length=16, choices=_OBJECTS)
    remote_id = models.CharField(max_length=64)
    parent_id = models.CharField(max_length=64, blank=True)
    modified_at = models.DateTimeField()
    is_deleted = models.BooleanField(default=False)
    raw = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    error = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "object", "remote_id"], name="crm_record_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["connection", "state", "object", "id"], name="crm_record_state"),
            models.Index(
                fields=["connection", "parent_id"],
                condition=models.Q(state="unmatched"),
                name="crm_record_parent",
            ),
        ]


class CrmConflict(models.Model):
    """Both sides had changed a field, or the other side than its owner had: what each held, and which held."""

    link = models.ForeignKey(CrmLink, models.CASCADE, related_name="conflicts")
    field = models.CharField(max_length=80)
    ours = models.CharField(max_length=500, blank=True)
    theirs = models.CharField(max_length=500, blank=True)
    kept = models.CharField(max_length=4, choices=[("crm", _("The CRM")), ("us", _("CS Ops"))])
    owner = models.CharField(max_length=8, choices=CrmField.Owner.choices)
    found_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["found_at"], name="crm_conflict_found")]


class CrmCheck(models.Model):
    """One reconciliation: every record of both sides counted, summed and compared.

    ``results`` holds per object ``{ours, theirs, linked, in_step, in_flight, sums, id_digests}``.
    """

    connection = models.ForeignKey(CrmConnection, models.CASCADE, related_name="checks")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    results = models.JSONField(default=dict)
    gaps = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)


class CrmGap(models.Model):
    """A difference that a reconciliation found; it goes when one finds it no more. Accepted ones spoil no proof."""

    class Kind(models.TextChoices):
        """What differs."""

        ONLY_HERE = "only_here", _("Only here")
        ONLY_THERE = "only_there", _("Only there")
        DIFFERS = "differs", _("Fields differ")
        GONE = "gone", _("Deleted there")

    connection = models.ForeignKey(CrmConnection, models.CASCADE, related_name="gaps", db_index=False)
    check_seen = models.ForeignKey(CrmCheck, models.CASCADE, related_name="+")
    object = models.CharField(max_length=16, choices=_OBJECTS)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    local_id = models.BigIntegerField(null=True)
    remote_id = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=200, blank=True)
    # {field: [ours, theirs]} of those that differ.
    fields = models.JSONField(default=dict)
    found_at = models.DateTimeField(auto_now_add=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    accepted_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "object", "kind", "remote_id"],
                condition=models.Q(local_id=None),
                name="crm_gap_there_once",
            ),
            models.UniqueConstraint(
                fields=["connection", "object", "kind", "local_id"], name="crm_gap_here_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["connection", "kind", "id"], name="crm_gap_kind")]
