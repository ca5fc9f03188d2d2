"""Page addresses of success."""

from django.urls import URLPattern, path

from success.pages import cockpit, outreach, playbooks, unsubscribe

urlpatterns: list[URLPattern] = [
    path("success/", cockpit.success_cockpit, name="success-cockpit"),
    path("success/tasks/", cockpit.success_tasks, name="success-tasks"),
    path("success/ctas/<int:pk>/close/", cockpit.cta_close, name="cta-close"),
    path("success/outreach/", outreach.outreach_list, name="outreach-list"),
    path("success/outreach/<int:pk>/", outreach.outreach_detail, name="outreach-detail"),
    path("success/limits/", outreach.outreach_limits, name="outreach-limits"),
    path("success/playbooks/", playbooks.playbook_list, name="playbook-list"),
    path("success/playbooks/<int:pk>/", playbooks.playbook_detail, name="playbook-detail"),
    path("success/playbooks/<int:pk>/edit/", playbooks.playbook_edit, name="playbook-edit"),
    path("success/playbooks/<int:pk>/switch/", playbooks.playbook_switch, name="playbook-switch"),
    path("success/accounts/<int:pk>/enrol/", playbooks.account_enrol, name="account-enrol"),
    path("u/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/topics/", unsubscribe.mail_topics, name="mail-topics"),
]
