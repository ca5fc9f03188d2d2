"""Page addresses of core."""

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
