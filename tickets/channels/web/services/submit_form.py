"""Take what somebody sent by a form: kept first, a ticket later."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from core import nudge
from people.viewer import system_viewer
from tickets.channels.web.floods import Limit, ensure_room, limits_of, lock_counts, take_room
from tickets.channels.web.form import SOURCE, WebForm
from tickets.channels.web.services.mail_confirmation import mail_confirmation
from tickets.channels.web.values import Submitted
from tickets.events import FORM_SUBMITTED
from tickets.incoming import IncomingFile
from tickets.message_text import one_line, storable
from tickets.models import FormFile, FormSubmission
from tickets.stored_files import store_files

KEPT = timedelta(days=7)
KEPT_REFUSED = timedelta(days=30)
# Within it, the same content again is the same submission: a double click, a reload, a second try after a lost connection.
SAME_WITHIN = timedelta(hours=1)
TASK = "tickets.take_submissions"
State = FormSubmission.State


def submit_form(
    *,
    form: WebForm,
    submitted: Submitted,
    network: str,
    files: Sequence[IncomingFile] = (),
    is_trapped: bool = False,
) -> FormSubmission:
    """Keep what was sent, and ask for the confirmation of the address or have the ticket opened, as the form says.

    ``network`` is the address of the sender's network, ``is_trapped`` says that a field which people do not see was filled in:
    then it is kept as spam. The files have passed the rules for attachments. The same content within an hour is the first
    submission again. Raises ``floods.TooMany``.
    """
    limits = limits_of(form, network=network, address=submitted.email)
    digest = _digest(form, submitted, files)
    # Looked at once before anything is written to the disk.
    if _same(form, digest) is None:
        ensure_room(limits)
    stored = store_files([file.content for file in files]) if files else []
    with transaction.atomic():
        known = _known(form, digest, limits)
        if known is not None:
            return known
        take_room(limits)
        submission = _keep(form, submitted, digest, is_trapped)
        FormFile.objects.bulk_create(
            FormFile(
                submission=submission,
                name=one_line(storable(file.name), 255) or "attachment",
                content_type=storable(file.content_type)[:120],
                size=len(file.content),
                sha256=sha256,
                storage_key=key,
            )
            for file, (sha256, key) in zip(files, stored, strict=True)
        )
    return submission


def address_digest(address: str) -> str:
    """Return what names an e-mail address without telling it."""
    return salted_hmac("tickets.web_form.address", address.strip().lower(), algorithm="sha256").hexdigest()


def _known(form: WebForm, digest: str, limits: Sequence[Limit]) -> FormSubmission | None:
    """The same thing sent before; behind a lock, so that of two at once the second finds the first."""
    lock_counts(limits)
    return _same(form, digest)


def _same(form: WebForm, digest: str) -> FormSubmission | None:
    since = timezone.now() - SAME_WITHIN
    return FormSubmission.objects.filter(inbox=form.inbox, digest=digest, received_at__gte=since).first()


def _keep(form: WebForm, submitted: Submitted, digest: str, is_trapped: bool) -> FormSubmission:
    now, address = timezone.now(), address_digest(submitted.email)
    proof = ""
    if form.skips_known and _was_confirmed(address):
        proof = FormSubmission.Proof.EARLIER
    state = State.WAITING if form.double_opt_in and not proof else State.CONFIRMED
    if is_trapped:
        state, proof = State.SPAM, ""
    submission = FormSubmission.objects.create(
        inbox=form.inbox,
        state=state,
        proof=proof,
        values=submitted.raw(),
        digest=digest,
        address_digest=address,
        nonce=secrets.token_urlsafe(24),
        received_at=now,
        expires_at=now + (KEPT_REFUSED if is_trapped else KEPT),
        next_try_at=now,
    )
    FORM_SUBMITTED.record(
        by=system_viewer(SOURCE),
        subject_id=submission.pk,
        detail={"inbox": form.inbox.pk, "state": str(state)},
    )
    if state == State.WAITING:
        mail_confirmation(submission)
    elif state == State.CONFIRMED:
        nudge.task_after_commit(TASK, queue="channels")
    return submission


def _was_confirmed(address: str) -> bool:
    earlier = FormSubmission.objects.filter(address_digest=address, proof=FormSubmission.Proof.LINK)
    return earlier.filter(state__in=[State.CONFIRMED, State.DONE]).exists()


def _digest(form: WebForm, submitted: Submitted, files: Sequence[IncomingFile]) -> str:
    """Names the content. Keyed by nothing: only compared within the installation."""
    content = [
        form.inbox.pk,
        submitted.raw(),
        [[file.name, hashlib.sha256(file.content).hexdigest()] for file in files],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
