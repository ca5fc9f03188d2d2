"""REST addresses of success."""

from django.urls import URLPattern, path

from success.api import views

urlpatterns: list[URLPattern] = [
    path("ctas/", views.CtaList.as_view(), name="api-ctas"),
    path("ctas/<int:pk>/", views.CtaDetail.as_view(), name="api-cta"),
    path("ctas/<int:pk>/close/", views.CtaClose.as_view(), name="api-cta-close"),
    path("outreach/", views.OutreachList.as_view(), name="api-outreach"),
    path("outreach/<int:pk>/", views.OutreachDetail.as_view(), name="api-outreach-detail"),
    path("playbooks/", views.PlaybookList.as_view(), name="api-playbooks"),
    path("playbooks/<int:pk>/", views.PlaybookDetail.as_view(), name="api-playbook"),
    path("enrolments/", views.EnrolmentList.as_view(), name="api-enrolments"),
    path("enrolments/<int:pk>/", views.EnrolmentDetail.as_view(), name="api-enrolment"),
]
