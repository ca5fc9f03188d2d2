"""REST addresses of customers."""

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
