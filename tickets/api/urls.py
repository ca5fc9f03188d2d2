"""REST addresses of tickets."""

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
