"""Page addresses of health."""

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
