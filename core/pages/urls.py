"""Page addresses of core."""

from django.urls import URLPattern, path

from core.pages import dead_letters, events, jobs, notifications, outbox, search, search_index

urlpatterns: list[URLPattern] = [
    path("palette/", search.palette, name="palette"),
    path("search/", search.search, name="search"),
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/bell/", notifications.notification_bell, name="notification-bell"),
    path("notifications/read/", notifications.notifications_read, name="notifications-read"),
    path("notifications/<int:notification_id>/", notifications.notification_open, name="notification"),
    path("settings/jobs/", jobs.jobs, name="jobs"),
    path("settings/jobs/<int:job_id>/", jobs.job, name="job"),
    path("settings/jobs/<int:job_id>/cancel/", jobs.job_cancel, name="job-cancel"),
    path("settings/jobs/<int:job_id>/retry/", jobs.job_retry, name="job-retry"),
    path("settings/outbox/", outbox.outbox, name="outbox"),
    path("settings/outbox/<int:outbound_id>/retry/", outbox.outbound_retry, name="outbound-retry"),
    path("settings/search-index/", search_index.search_index, name="search-index"),
    path("settings/search-index/again/", search_index.search_reindex, name="search-reindex"),
    path("settings/events/", events.events, name="events"),
    path("settings/events/dead-letters/", dead_letters.dead_letters, name="dead-letters"),
    path(
        "settings/events/dead-letters/<int:letter_id>/retry/",
        dead_letters.dead_letter_retry,
        name="dead-letter-retry",
    ),
    path(
        "settings/events/dead-letters/<int:letter_id>/drop/",
        dead_letters.dead_letter_drop,
        name="dead-letter-drop",
    ),
]
