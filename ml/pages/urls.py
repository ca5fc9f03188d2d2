"""Page addresses of models."""

from django.urls import URLPattern, path

from ml.pages import acts, compare, corrections, evidence, features, golden, shadow, training, versions, watch

urlpatterns: list[URLPattern] = [
    path("models/", compare.models, name="models"),
    path("models/features/", features.features, name="model-features"),
    path("models/<slug:task>/", compare.compare_versions, name="model-task"),
    path("models/<slug:task>/training/", training.training, name="model-training"),
    path("models/<slug:task>/train/", acts.train, name="model-train"),
    path("models/<slug:task>/roll-back/", acts.go_back, name="model-roll-back"),
    path("models/<slug:task>/end-trial/<slug:name>/", acts.stop_trial, name="model-end-trial"),
    path("models/<slug:task>/corrections/", corrections.corrections, name="model-corrections"),
    path("models/<slug:task>/corrections/<int:label>/confirm/", corrections.confirm, name="model-confirm"),
    path("models/<slug:task>/golden/", golden.golden, name="model-golden"),
    path("models/<slug:task>/golden/<int:case>/", golden.golden_case, name="model-golden-case"),
    path("models/<slug:task>/golden/<int:case>/retire/", golden.golden_retire, name="model-golden-retire"),
    path("models/<slug:task>/shadow/", shadow.shadow, name="model-shadow"),
    path("models/<slug:task>/watch/", watch.watch, name="model-watch"),
    path("models/<slug:task>/audit/", watch.audit, name="model-audit"),
    path("models/<slug:task>/audit/<int:item>/", watch.audit_answer, name="model-audit-answer"),
    path("models/<slug:task>/stops/<int:stop>/end/", watch.stop_end, name="model-stop-end"),
    path("models/<slug:task>/versions/", versions.versions, name="model-versions"),
    path("models/<slug:task>/versions/<int:number>/", versions.version, name="model-version"),
    path("models/<slug:task>/versions/<int:number>/card.md", versions.card, name="model-card"),
    path("models/<slug:task>/versions/<int:number>/answers/", evidence.answers, name="model-answers"),
    path("models/<slug:task>/versions/<int:number>/<slug:act>/", acts.act_on_version, name="model-act"),
]
