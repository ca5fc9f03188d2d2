"""Page addresses of success."""

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
