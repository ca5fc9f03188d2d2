"""REST addresses of imports."""

from django.urls import URLPattern, path

from imports.api import views

urlpatterns: list[URLPattern] = [
    path("imports/", views.ImportList.as_view(), name="api-imports"),
    path("imports/<int:pk>/", views.ImportDetail.as_view(), name="api-import"),
    path("imports/<int:pk>/mapping/", views.ImportMapping.as_view(), name="api-import-mapping"),
    path("imports/<int:pk>/rows/", views.ImportRows.as_view(), name="api-import-rows"),
    path("imports/<int:pk>/check/", views.ImportCheck.as_view(), name="api-import-check"),
    path("imports/<int:pk>/start/", views.ImportStart.as_view(), name="api-import-start"),
    path("imports/<int:pk>/stop/", views.ImportStop.as_view(), name="api-import-stop"),
    path("imports/<int:pk>/resume/", views.ImportResume.as_view(), name="api-import-resume"),
    path("imports/<int:pk>/undo/", views.ImportUndo.as_view(), name="api-import-undo"),
]
