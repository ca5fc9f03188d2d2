"""Page addresses of models."""

from django.urls import URLPattern, path

from ml.pages import acts, compare, corrections, evidence, features, golden, shadow, training, versions, watch

urlpatterns: list[URLPattern] = [
    path("models/", compare.models, name="models"),
    path("models/features/", features.features, name="model-features"),
    path("models/<str:task>/", compare.compare_versions, name="model-task"),
    path("models/<str:task>/training/", training.training, name="model-training"),
    path("models/<str:task>/train/", acts.train, name="model-train"),
    path("models/<str:task>/roll-back/", acts.go_back, name="model-roll-back"),
    path("models/<str:task>/end-trial/<slug:name>/", acts.stop_trial, name="model-end-trial"),
    path("models/<str:task>/corrections/", corrections.corrections, name="model-corrections"),
    path("models/<str:task>/corrections/<int:label>/confirm/", corrections.confirm, name="model-confirm"),
    path("models/<str:task>/golden/", golden.golden, name="model-golden"),
    path("models/<str:task>/golden/<int:case>/", golden.golden_case, name="model-golden-case"),
    path("models/<str:task>/golden/<int:case>/retire/", golden.golden_retire, name="model-golden-retire"),
    path("models/<str:task>/shadow/", shadow.shadow, name="model-shadow"),
    path("models/<str:task>/watch/", watch.watch, name="model-watch"),
    path("models/<str:task>/audit/", watch.audit, name="model-audit"),
    path("models/<str:task>/audit/<int:item>/", watch.audit_answer, name="model-audit-answer"),
    path("models/<str:task>/stops/<int:stop>/end/", watch.stop_end, name="model-stop-end"),
    path("models/<str:task>/versions/", versions.versions, name="model-versions"),
    path("models/<str:task>/versions/<int:number>/", versions.version, name="model-version"),
    path("models/<str:task>/versions/<int:number>/card.md", versions.card, name="model-card"),
    path("models/<str:task>/versions/<int:number>/answers/", evidence.answers, name="model-answers"),
    path("models/<str:task>/versions/<int:number>/<slug:act>/", acts.act_on_version, name="model-act"),
]
