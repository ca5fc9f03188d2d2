"""The typed request of pages, and the guard every page wears."""

from django.http import HttpRequest

from core.pages.guard import is_partial, page
from people.models import User
from people.viewer import Viewer

__all__ = ["StaffRequest", "is_partial", "page"]


class StaffRequest(HttpRequest):
    """A request of a logged-in person."""

    user: User
    viewer: Viewer
