"""REST addresses of people."""

from django.urls import URLPattern, path

from people.api import views

urlpatterns: list[URLPattern] = [
    path("people/", views.People.as_view(), name="api-people"),
    path("me/", views.Caller.as_view(), name="api-me"),
    path("people/<int:pk>/", views.PersonDetail.as_view(), name="api-person"),
    path("teams/", views.Teams.as_view(), name="api-teams"),
    path("teams/<int:pk>/", views.TeamDetail.as_view(), name="api-team"),
    path("people/<int:pk>/availability/", views.PersonAvailability.as_view(), name="api-person-availability"),
    path("people/<int:pk>/skills/", views.PersonSkills.as_view(), name="api-person-skills"),
    path("absences/", views.Absences.as_view(), name="api-absences"),
    path("absences/<int:pk>/", views.AbsenceDetail.as_view(), name="api-absence"),
    path("skills/", views.Skills.as_view(), name="api-skills"),
    path("skills/<int:pk>/", views.SkillDetail.as_view(), name="api-skill"),
]
