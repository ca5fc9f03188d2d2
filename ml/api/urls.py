"""REST addresses of models."""

from django.urls import URLPattern, path

from ml.api import asking, classes, features, golden, monitoring, tasks, trainings, versions

urlpatterns: list[URLPattern] = [
    path("ml/tasks/", tasks.Tasks.as_view(), name="api-ml-tasks"),
    path("ml/tasks/<str:key>/rollback/", tasks.TaskRollback.as_view(), name="api-ml-rollback"),
    path("ml/tasks/<str:key>/trials/<str:name>/", tasks.TaskTrial.as_view(), name="api-ml-trial"),
    path("ml/alias-changes/", tasks.AliasChanges.as_view(), name="api-ml-alias-changes"),
    path("ml/snapshots/", trainings.Snapshots.as_view(), name="api-ml-snapshots"),
    path("ml/runs/", trainings.Runs.as_view(), name="api-ml-runs"),
    path("ml/runs/<int:pk>/", trainings.RunDetail.as_view(), name="api-ml-run"),
    path("ml/runs/<int:pk>/repeat/", trainings.RunRepeat.as_view(), name="api-ml-run-repeat"),
    path("ml/versions/", versions.Versions.as_view(), name="api-ml-versions"),
    path("ml/versions/<int:pk>/", versions.VersionDetail.as_view(), name="api-ml-version"),
    path("ml/versions/<int:pk>/card/", versions.VersionCard.as_view(), name="api-ml-card"),
    path("ml/versions/<int:pk>/propose/", versions.VersionPropose.as_view(), name="api-ml-propose"),
    path("ml/versions/<int:pk>/approve/", versions.VersionApprove.as_view(), name="api-ml-approve"),
    path("ml/versions/<int:pk>/reject/", versions.VersionReject.as_view(), name="api-ml-reject"),
    path("ml/versions/<int:pk>/promote/", versions.VersionPromote.as_view(), name="api-ml-promote"),
    path("ml/versions/<int:pk>/trial/", versions.VersionTrial.as_view(), name="api-ml-try"),
    path("ml/versions/<int:pk>/retire/", versions.VersionRetire.as_view(), name="api-ml-retire"),
    path("ml/versions/<int:pk>/classes/", classes.VersionClasses.as_view(), name="api-ml-classes"),
    path("ml/lineage/predictions/<int:pk>/", versions.PredictionLineage.as_view(), name="api-ml-lineage"),
    path("ml/predict/<str:key>/", asking.Predict.as_view(), name="api-ml-predict"),
    path(
        "ml/prediction-requests/<int:pk>/",
        asking.PredictionRequestDetail.as_view(),
        name="api-ml-prediction-request",
    ),
    path("ml/tasks/<str:key>/quality/", monitoring.TaskQuality.as_view(), name="api-ml-quality"),
    path("ml/features/", features.Features.as_view(), name="api-ml-features"),
    path("ml/tasks/<str:key>/shadow/", monitoring.TaskShadow.as_view(), name="api-ml-shadow"),
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
