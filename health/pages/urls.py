"""Page addresses of health."""

from django.urls import URLPattern, path

from health.pages import cards, overrides, proof

urlpatterns: list[URLPattern] = [
    path("customers/<int:pk>/health/override/", overrides.account_override, name="account-override"),
    path("customers/<int:pk>/health/pulse/", overrides.account_pulse, name="account-pulse"),
    path("settings/health/overrides/", overrides.override_list, name="override-list"),
    path("settings/health/overrides/<int:pk>/end/", overrides.override_end, name="override-end"),
    path("settings/health/overrides/<int:pk>/decide/", overrides.override_decide, name="override-decide"),
    path("settings/health/data-debt/", cards.debt_page, name="data-debt"),
    path("settings/health/cards/", cards.card_list, name="settings-health-cards"),
    path("settings/health/cards/new/", cards.card_form, name="settings-health-card-new"),
    path("settings/health/cards/<int:pk>/", cards.card_detail, name="settings-health-card"),
    path("settings/health/cards/<int:pk>/edit/", cards.card_form, name="settings-health-card-edit"),
    path("settings/health/cards/<int:pk>/preview/", cards.card_preview, name="settings-health-card-preview"),
    path("settings/health/cards/<int:pk>/publish/", cards.card_publish, name="settings-health-card-publish"),
    path("settings/health/cards/<int:pk>/retire/", cards.card_retire, name="settings-health-card-retire"),
    path("settings/health/cards/<int:pk>/replay/", cards.card_replay, name="settings-health-card-replay"),
    path(
        "settings/health/cards/<int:pk>/versions/<int:version_id>/live/",
        cards.card_roll_back,
        name="settings-health-card-roll-back",
    ),
    path("health/proof/", proof.health_proof, name="health-proof"),
    path("health/proof/rows/", proof.surprise_rows, name="surprise-rows"),
    path("health/surprises/<int:pk>/close/", proof.surprise_close, name="surprise-close"),
]
