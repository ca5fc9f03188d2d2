"""REST of people: who is there, teams, absences, skills, and who calls. A view parses, calls one service or selector, answers."""

from typing import Any, ClassVar

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, prefetch
from core.api.versions import Versioned
from people.api.permissions import viewer_of
from people.api.throttling import limit_of
from people.models import Absence, ApiKey, Skill, Team, User
from people.selectors import absence_list, people_list, skill_list, staff_roles, team_list
from people.services.plan_absence import cancel_absence, change_absence, plan_absence
from people.services.save_skill import save_skill, set_skills
from people.services.set_availability import set_availability

NOT_FOUND = OpenApiResponse(description="There is none with this id.")


class PersonOut(serializers.ModelSerializer[User]):
    """A colleague. ``absent_until`` is the end of the present absence."""

    teams = serializers.SerializerMethodField()
    skills = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "name",
            "email",
            "role",
            "is_active",
            "availability",
            "availability_changed_at",
            "absent_until",
            "capacity",
            "timezone",
            "teams",
            "skills",
        )

    def get_teams(self, user: User) -> list[int]:
        """Ids of the teams."""
        return [membership.team_id for membership in user.memberships.all()]

    def get_skills(self, user: User) -> list[int]:
        """Ids of the skills."""
        return [one.skill_id for one in user.skills.all()]


class AvailabilityIn(serializers.Serializer[Any]):
    """Whether new tickets may be given to the person."""

    availability = serializers.ChoiceField(choices=User.Availability.choices)


class PersonSkillsIn(serializers.Serializer[Any]):
    """Exactly the skills the person has."""

    skills = serializers.PrimaryKeyRelatedField(queryset=Skill.objects.all(), many=True)


class AbsenceOut(serializers.ModelSerializer[Absence]):
    """An absence that is not over."""

    class Meta:
        model = Absence
        fields = ("id", "user", "starts_at", "ends_at", "deputy", "note", "handed_over_at", "created_at")


class AbsenceIn(serializers.Serializer[Any]):
    """An absence to plan; times without a zone are UTC."""

    user = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True))
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    deputy = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), required=False, allow_null=True, default=None
    )
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class AbsenceChangeIn(serializers.Serializer[Any]):
    """What of an absence changes; what is not named stays. One that has begun keeps its start."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    deputy = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True), allow_null=True)
    note = serializers.CharField(max_length=200, allow_blank=True)


class SkillOut(serializers.ModelSerializer[Skill]):
    """A skill with the ids of who has it."""

    people = serializers.SerializerMethodField()

    class Meta:
        model = Skill
        fields = ("id", "name", "description", "language", "is_active", "people")

    def get_people(self, skill: Skill) -> list[int]:
        """Ids of the people."""
        return [one.user_id for one in skill.holders.all()]


class SkillIn(serializers.Serializer[Any]):
    """A skill and exactly the people who have it."""

    name = serializers.CharField(max_length=60)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    language = serializers.RegexField(r"^[A-Za-z]{0,8}$", required=False, allow_blank=True, default="")
    is_active = serializers.BooleanField(required=False, default=True)
    people = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True), many=True)


class TeamOut(serializers.ModelSerializer[Team]):
    """A team. ``members`` are the ids of the people in it."""

    members = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = (
            "id", "name", "description", "is_private", "is_active", "strategy", "previous_owner_days", "reopen_hours",
            "unattended_minutes", "members",
        )  # fmt: skip

    def get_members(self, team: Team) -> list[int]:
        """Ids of the people."""
        return [membership.user_id for membership in team.memberships.all()]


class CallerOut(serializers.Serializer[Any]):
    """Who calls: a key with its scopes, or a person with a role; what it may do, and how many requests it has."""

    kind = serializers.ChoiceField(choices=["api_key", "staff"])
    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    role = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    permissions = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    requests_per_minute = serializers.IntegerField()


class Caller(APIView):
    """Who calls."""

    @extend_schema(operation_id="me", responses=CallerOut)
    def get(self, request: Request) -> Response:
        """Say who calls, and what the key or person may do."""
        viewer = viewer_of(request)
        key = request.auth if isinstance(request.auth, ApiKey) else None
        person = None if viewer.user_id is None else User.objects.get(pk=viewer.user_id)
        answer = {
            "kind": viewer.kind,
            "id": viewer.actor_id,
            "name": str(key or person or ""),
            "role": viewer.role,
            "scopes": None if key is None else key.scopes,
            "permissions": sorted(viewer.permissions),
            "expires_at": None if key is None else key.expires_at,
            "requests_per_minute": limit_of(request),
        }
        return Response(CallerOut(answer).data)


class People(APIView):
    """Colleagues."""

    required_permissions: ClassVar = {"GET": "people.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        PersonOut,
        filters=[
            Filter("email", lookup="email__iexact"),
            Filter("name", lookup="name__icontains", description="part of the name"),
            Filter("role", lookup="role", choices=tuple(one.value for one in staff_roles())),
            Filter("is_active", "flag", lookup="is_active"),
            Filter("availability", lookup="availability", choices=tuple(User.Availability.values)),
            Filter("team", "id", lookup="memberships__team"),
        ],
        orders=("-id", "name"),
        loads={"teams": prefetch("memberships"), "skills": prefetch("skills")},
    )

    @extend_schema(operation_id="people_list", responses=PersonOut(many=True))
    def get(self, request: Request) -> Response:
        """List colleagues with availability, teams and skills."""
        people = people_list(viewer_of(request)).prefetch_related(None)
        return self.listing.answer(request, self, people)


class PersonDetail(APIView):
    """One colleague."""

    required_permissions: ClassVar = {"GET": "people.view"}

    @extend_schema(operation_id="people_read", responses={200: PersonOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a colleague."""
        people = people_list(viewer_of(request)).prefetch_related("skills")
        return Response(PersonOut(get_object_or_404(people, pk=pk)).data)


class Teams(APIView):
    """Teams."""

    required_permissions: ClassVar = {"GET": "people.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        TeamOut,
        filters=[
            Filter("name", lookup="name__icontains", description="part of the name"),
            Filter("is_active", "flag", lookup="is_active"),
            Filter("is_private", "flag", lookup="is_private"),
        ],
        orders=("-id", "name"),
        loads={"members": prefetch("memberships")},
    )

    @extend_schema(operation_id="teams_list", responses=TeamOut(many=True))
    def get(self, request: Request) -> Response:
        """List the teams, private ones too."""
        return self.listing.answer(request, self, team_list(viewer_of(request)))


class TeamDetail(APIView):
    """One team."""

    required_permissions: ClassVar = {"GET": "people.view"}

    @extend_schema(operation_id="teams_read", responses={200: TeamOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a team with its members."""
        teams = team_list(viewer_of(request)).prefetch_related("memberships")
        return Response(TeamOut(get_object_or_404(teams, pk=pk)).data)


class PersonAvailability(APIView):
    """The availability of one colleague."""

    required_permissions: ClassVar = {"PUT": "people.schedule"}

    @extend_schema(
        operation_id="people_set_availability",
        request=AvailabilityIn,
        responses={200: PersonOut, 404: NOT_FOUND},
    )
    def put(self, request: Request, pk: int) -> Response:
        """Set it; waiting tickets are given out when somebody comes online."""
        wanted = _read(AvailabilityIn, request)
        user = get_object_or_404(people_list(viewer_of(request)), pk=pk)
        set_availability(user=user, by=viewer_of(request), **wanted)
        return _person(request, pk)


class PersonSkills(APIView):
    """The skills of one colleague."""

    required_permissions: ClassVar = {"PUT": "people.schedule"}

    @extend_schema(
        operation_id="people_set_skills", request=PersonSkillsIn, responses={200: PersonOut, 404: NOT_FOUND}
    )
    def put(self, request: Request, pk: int) -> Response:
        """Set exactly these skills."""
        wanted = _read(PersonSkillsIn, request)
        user = get_object_or_404(people_list(viewer_of(request)), pk=pk)
        set_skills(user=user, skills=wanted["skills"], by=viewer_of(request))
        return _person(request, pk)


class Absences(APIView):
    """Absences that are not over."""

    required_permissions: ClassVar = {"GET": "people.view", "POST": "people.schedule"}
    pagination_class = KeysetPagination
    listing = Listing(
        AbsenceOut,
        filters=[
            Filter("user", "id", lookup="user"),
            Filter("starts_before", "time", lookup="starts_at__lt"),
            Filter("ends_after", "time", lookup="ends_at__gt"),
        ],
        orders=("-id", "starts_at", "ends_at"),
    )

    @extend_schema(operation_id="absences_list", responses=AbsenceOut(many=True))
    def get(self, request: Request) -> Response:
        """List what is planned, the newest plan first."""
        return self.listing.answer(request, self, absence_list(viewer_of(request)))

    @extend_schema(operation_id="absences_create", request=AbsenceIn, responses={201: AbsenceOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Plan one; open tickets are handed over within a minute of its start."""
        absence = plan_absence(by=viewer_of(request), **_read(AbsenceIn, request))
        return Response(AbsenceOut(absence).data, status=status.HTTP_201_CREATED)


class AbsenceDetail(Versioned, APIView):
    """One absence."""

    shape = AbsenceOut
    changes = AbsenceChangeIn
    required_permissions: ClassVar = {
        "GET": "people.view",
        "PATCH": "people.schedule",
        "DELETE": "people.schedule",
    }

    @extend_schema(operation_id="absences_read", responses={200: AbsenceOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read one that is not over."""
        return self.answer(
            request, AbsenceOut(get_object_or_404(absence_list(viewer_of(request)), pk=pk)).data
        )

    @extend_schema(
        operation_id="absences_update",
        request=AbsenceChangeIn,
        responses={200: AbsenceOut, 404: NOT_FOUND},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named; what was handed over stays where it is."""
        wanted = _read(AbsenceChangeIn, request, partial=True)
        with transaction.atomic():
            absence = _locked_absence(request, pk)
            self.check_version(request, lambda: AbsenceOut(absence).data)
            changed = change_absence(absence=absence, by=viewer_of(request), **wanted)
        return self.answer(request, AbsenceOut(changed).data)

    @extend_schema(operation_id="absences_cancel", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int) -> Response:
        """Call it off, or end it now."""
        with transaction.atomic():
            absence = _locked_absence(request, pk)
            self.check_version(request, lambda: AbsenceOut(absence).data)
            cancel_absence(absence=absence, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Skills(APIView):
    """Skills."""

    required_permissions: ClassVar = {"GET": "people.view", "POST": "people.schedule"}
    pagination_class = KeysetPagination
    listing = Listing(
        SkillOut,
        filters=[
            Filter("name", lookup="name__icontains", description="part of the name"),
            Filter("is_active", "flag", lookup="is_active"),
        ],
        orders=("-id", "name"),
        loads={"people": prefetch("holders")},
    )

    @extend_schema(operation_id="skills_list", responses=SkillOut(many=True))
    def get(self, request: Request) -> Response:
        """List skills and who has them."""
        return self.listing.answer(request, self, skill_list(viewer_of(request)))

    @extend_schema(operation_id="skills_create", request=SkillIn, responses={201: SkillOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a skill."""
        skill = save_skill(by=viewer_of(request), **_read(SkillIn, request))
        return Response(SkillOut(skill).data, status=status.HTTP_201_CREATED)


class SkillDetail(Versioned, APIView):
    """One skill."""

    shape = SkillOut
    changes = SkillIn
    required_permissions: ClassVar = {"GET": "people.view", "PUT": "people.schedule"}

    @extend_schema(operation_id="skills_read", responses={200: SkillOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a skill and who has it."""
        skills = skill_list(viewer_of(request)).prefetch_related("holders")
        return self.answer(request, SkillOut(get_object_or_404(skills, pk=pk)).data)

    @extend_schema(operation_id="skills_update", request=SkillIn, responses={200: SkillOut, 404: NOT_FOUND})
    def put(self, request: Request, pk: int) -> Response:
        """Replace a skill and who has it."""
        wanted = _read(SkillIn, request)
        with transaction.atomic():
            # The counted rows of a list cannot be locked.
            Skill.objects.select_for_update().filter(pk=pk).first()
            skill = get_object_or_404(skill_list(viewer_of(request)), pk=pk)
            self.check_version(request, lambda: SkillOut(skill).data)
            saved = save_skill(skill=skill, by=viewer_of(request), **wanted)
        return self.answer(request, SkillOut(saved).data)


def _locked_absence(request: Request, pk: int) -> Absence:
    absences = absence_list(viewer_of(request)).select_for_update(of=("self",))
    return get_object_or_404(absences, pk=pk)


def _read(serializer: type[Any], request: Request, *, partial: bool = False) -> dict[str, Any]:
    wanted = serializer(data=request.data, partial=partial)
    wanted.is_valid(raise_exception=True)
    values: dict[str, Any] = wanted.validated_data
    return values


def _person(request: Request, pk: int) -> Response:
    return Response(PersonOut(people_list(viewer_of(request)).get(pk=pk)).data)
