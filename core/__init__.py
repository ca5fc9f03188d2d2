"""The ground: events, subscribers, outbox, jobs, registries, calendars, notifications, live feed and the UI kit. Knows no app."""
