"""REST addresses of health."""

from django.urls import URLPattern, path

from health.api import cards, overrides, proof
from health.api.views import AccountHealth

urlpatterns: list[URLPattern] = [
    path("accounts/<int:pk>/health/", AccountHealth.as_view(), name="api-account-health"),
    path("accounts/<int:pk>/health/overrides/", overrides.AccountOverrides.as_view(), name="api-overrides"),
    path("accounts/<int:pk>/health/pulses/", overrides.AccountPulses.as_view(), name="api-pulses"),
    path("health/overrides/<int:pk>/end/", overrides.OverrideEnd.as_view(), name="api-override-end"),
    path("health/cards/", cards.CardList.as_view(), name="api-health-cards"),
    path("health/cards/<int:pk>/", cards.CardDetail.as_view(), name="api-health-card"),
    path("health/cards/<int:pk>/draft/", cards.CardDraft.as_view(), name="api-health-card-draft"),
    path("health/cards/<int:pk>/versions/", cards.CardVersions.as_view(), name="api-health-card-versions"),
    path(
        "health/cards/<int:pk>/versions/<int:number>/live/",
        cards.CardRollBack.as_view(),
        name="api-health-card-roll-back",
    ),
    path("health/cards/<int:pk>/publish/", cards.CardPublish.as_view(), name="api-health-card-publish"),
    path("health/cards/<int:pk>/retire/", cards.CardRetire.as_view(), name="api-health-card-retire"),
    path("health/cards/<int:pk>/replays/", cards.CardReplays.as_view(), name="api-health-card-replays"),
    path("health/data-debt/", cards.DataDebt.as_view(), name="api-data-debt"),
    path("health/override-scoreboard/", overrides.OverrideScoreboard.as_view(), name="api-scoreboard"),
    path("health/bands/", proof.BandList.as_view(), name="api-health-bands"),
    path("health/surprises/", proof.SurpriseList.as_view(), name="api-health-surprises"),
    path("health/surprises/<int:pk>/close/", proof.SurpriseClose.as_view(), name="api-health-surprise-close"),
]
