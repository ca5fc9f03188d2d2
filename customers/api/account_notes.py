"""REST of notes and meetings of an account."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Listing, prefetch
from customers.api.account_details import EDIT, account_of
from customers.models import AccountNote, Contact, Meeting
from customers.services.keep_notes import (
    LONGEST_NOTE,
    add_account_note,
    change_account_note,
    delete_account_note,
)
from customers.services.save_meeting import save_meeting
from people.api.permissions import viewer_of
from people.models import User


class NoteOut(serializers.ModelSerializer[AccountNote]):
    """A note about a customer."""

    class Meta:
        model = AccountNote
        fields: ClassVar = ["id", "account", "author", "text", "is_pinned", "created_at", "edited_at"]


class NoteIn(serializers.Serializer[Any]):
    """A note as sent."""

    text = serializers.CharField(max_length=LONGEST_NOTE)
    is_pinned = serializers.BooleanField(required=False, default=False)


class MeetingOut(serializers.ModelSerializer[Meeting]):
    """A meeting with people of a customer."""

    class Meta:
        model = Meeting
        fields: ClassVar = [
            "id", "account", "title", "starts_at", "contacts", "staff", "outcome", "next_step", "created_at",
        ]  # fmt: skip


class MeetingIn(serializers.Serializer[Any]):
    """A meeting as sent; a past one moves the customer's last touch."""

    title = serializers.CharField(max_length=160)
    starts_at = serializers.DateTimeField()
    contacts = serializers.PrimaryKeyRelatedField(queryset=Contact.objects.all(), many=True, required=False)
    staff = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), many=True, required=False
    )
    outcome = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    next_step = serializers.CharField(max_length=200, required=False, allow_blank=True)


class AccountNotes(APIView):
    """Notes about a customer."""

    required_permissions: ClassVar = EDIT
    pagination_class = KeysetPagination
    listing = Listing(NoteOut)

    @extend_schema(operation_id="account_notes_list", responses=NoteOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List them, newest first."""
        notes = AccountNote.objects.visible_to(viewer_of(request)).filter(account=account_of(request, pk))
        return self.listing.answer(request, self, notes)

    @extend_schema(operation_id="account_notes_add", request=NoteIn, responses={201: NoteOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Write one."""
        wanted = NoteIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        note = add_account_note(
            account=account_of(request, pk), by=viewer_of(request), **wanted.validated_data
        )
        return Response(NoteOut(note).data, status=status.HTTP_201_CREATED)


class AccountNoteDetail(APIView):
    """One note about a customer."""

    required_permissions: ClassVar = EDIT

    @extend_schema(operation_id="account_notes_change", request=NoteIn(partial=True), responses=NoteOut)
    def patch(self, request: Request, pk: int, note_id: int) -> Response:
        """Change text or pin."""
        note = get_object_or_404(AccountNote, account=account_of(request, pk), pk=note_id)
        wanted = NoteIn(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        values = {"text": note.text, "is_pinned": note.is_pinned, **wanted.validated_data}
        return Response(NoteOut(change_account_note(note=note, by=viewer_of(request), **values)).data)

    @extend_schema(operation_id="account_notes_delete", responses={204: None})
    def delete(self, request: Request, pk: int, note_id: int) -> Response:
        """Delete it."""
        note = get_object_or_404(AccountNote, account=account_of(request, pk), pk=note_id)
        delete_account_note(note=note, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AccountMeetings(APIView):
    """Meetings with people of a customer."""

    required_permissions: ClassVar = EDIT
    pagination_class = KeysetPagination
    listing = Listing(MeetingOut, loads={"contacts": prefetch("contacts"), "staff": prefetch("staff")})

    @extend_schema(operation_id="account_meetings_list", responses=MeetingOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List them, those written down last first."""
        meetings = Meeting.objects.visible_to(viewer_of(request)).filter(account=account_of(request, pk))
        return self.listing.answer(request, self, meetings)

    @extend_schema(operation_id="account_meetings_add", request=MeetingIn, responses={201: MeetingOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Plan one, or write down a past one."""
        wanted = MeetingIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = save_meeting(account=account_of(request, pk), by=viewer_of(request), **wanted.validated_data)
        return Response(MeetingOut(row).data, status=status.HTTP_201_CREATED)


class AccountMeetingDetail(APIView):
    """One meeting."""

    required_permissions: ClassVar = EDIT

    @extend_schema(
        operation_id="account_meetings_change", request=MeetingIn(partial=True), responses=MeetingOut
    )
    def patch(self, request: Request, pk: int, meeting_id: int) -> Response:
        """Change it, as when it is over."""
        account = account_of(request, pk)
        row = get_object_or_404(Meeting, account=account, pk=meeting_id)
        wanted = MeetingIn(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        values = {
            "title": row.title,
            "starts_at": row.starts_at,
            "contacts": list(row.contacts.all()),
            "staff": list(row.staff.all()),
            "outcome": row.outcome,
            "next_step": row.next_step,
            **wanted.validated_data,
        }
        return Response(
            MeetingOut(save_meeting(account=account, meeting=row, by=viewer_of(request), **values)).data
        )
