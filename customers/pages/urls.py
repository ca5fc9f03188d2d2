"""Page addresses of customers."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
