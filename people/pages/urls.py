"""Page addresses of people."""

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
