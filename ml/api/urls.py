"""REST addresses of models."""

from django.urls import URLPattern, path

from ml.api import asking, classes, features, golden, life_cycle, monitoring

urlpatterns: list[URLPattern] = [
    path("ml/tasks/", life_cycle.Tasks.as_view(), name="api-ml-tasks"),
    path("ml/tasks/<str:key>/rollback/", life_cycle.TaskRollback.as_view(), name="api-ml-rollback"),
    path("ml/tasks/<str:key>/trials/<str:name>/", life_cycle.TaskTrial.as_view(), name="api-ml-trial"),
    path("ml/alias-changes/", life_cycle.AliasChanges.as_view(), name="api-ml-alias-changes"),
    path("ml/snapshots/", life_cycle.Snapshots.as_view(), name="api-ml-snapshots"),
    path("ml/runs/", life_cycle.Runs.as_view(), name="api-ml-runs"),
    path("ml/runs/<int:pk>/", life_cycle.RunDetail.as_view(), name="api-ml-run"),
    path("ml/runs/<int:pk>/repeat/", life_cycle.RunRepeat.as_view(), name="api-ml-run-repeat"),
    path("ml/versions/", life_cycle.Versions.as_view(), name="api-ml-versions"),
    path("ml/versions/<int:pk>/", life_cycle.VersionDetail.as_view(), name="api-ml-version"),
    path("ml/versions/<int:pk>/card/", life_cycle.VersionCard.as_view(), name="api-ml-card"),
    path("ml/versions/<int:pk>/propose/", life_cycle.VersionPropose.as_view(), name="api-ml-propose"),
    path("ml/versions/<int:pk>/approve/", life_cycle.VersionApprove.as_view(), name="api-ml-approve"),
    path("ml/versions/<int:pk>/reject/", life_cycle.VersionReject.as_view(), name="api-ml-reject"),
    path("ml/versions/<int:pk>/promote/", life_cycle.VersionPromote.as_view(), name="api-ml-promote"),
    path("ml/versions/<int:pk>/trial/", life_cycle.VersionTrial.as_view(), name="api-ml-try"),
    path("ml/versions/<int:pk>/retire/", life_cycle.VersionRetire.as_view(), name="api-ml-retire"),
    path("ml/versions/<int:pk>/classes/", classes.VersionClasses.as_view(), name="api-ml-classes"),
    path("ml/lineage/predictions/<int:pk>/", life_cycle.PredictionLineage.as_view(), name="api-ml-lineage"),
    path("ml/predict/<str:key>/", asking.Predict.as_view(), name="api-ml-predict"),
    path(
        "ml/prediction-requests/<int:pk>/",
        asking.PredictionRequestDetail.as_view(),
        name="api-ml-prediction-request",
    ),
    path("ml/tasks/<str:key>/quality/", monitoring.TaskQuality.as_view(), name="api-ml-quality"),
    path("ml/features/", features.Features.as_view(), name="api-ml-features"),
    path("ml/audit-items/", monitoring.AuditItems.as_view(), name="api-ml-audit-items"),
    path("ml/audit-items/<int:pk>/", monitoring.AuditItemDetail.as_view(), name="api-ml-audit-item"),
    path("ml/audit-items/<int:pk>/answer/", monitoring.AuditItemAnswer.as_view(), name="api-ml-audit-answer"),
    path("ml/drift-windows/", monitoring.DriftWindows.as_view(), name="api-ml-drift-windows"),
    path("ml/feedback/", monitoring.FeedbackList.as_view(), name="api-ml-feedback"),
    path("ml/golden-cases/", golden.GoldenCases.as_view(), name="api-ml-golden-cases"),
    path("ml/golden-cases/<int:pk>/", golden.GoldenCaseDetail.as_view(), name="api-ml-golden-case"),
    path("ml/golden-cases/<int:pk>/retire/", golden.GoldenCaseRetire.as_view(), name="api-ml-golden-retire"),
    path("ml/rollbacks/", monitoring.Rollbacks.as_view(), name="api-ml-rollbacks"),
    path("ml/rollbacks/<int:pk>/end/", monitoring.RollbackEnd.as_view(), name="api-ml-rollback-end"),
]
