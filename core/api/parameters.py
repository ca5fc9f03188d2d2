"""Which parameters the address of a read may hold: those that its schema tells of."""

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # views import these classes while they are being loaded
    from rest_framework.views import APIView


class KnownParameters(BasePermission):
    """Lets a read in whose address holds only parameters that its schema tells of; raises ValidationError naming the others."""

    _known: ClassVar[dict[tuple[type, str], frozenset[str]]] = {}

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Look at the names; values are the business of the view."""
        if request.method != "GET":
            return True
        # Taken from the names alone: a query string of many parameters costs no query.
        unknown = sorted(set(request.query_params) - self.known(view, "get"))
        if unknown:
            refusal = [_("There is no such parameter.")]
            raise ValidationError({name[:80]: refusal for name in unknown[:20]})
        return True

    @classmethod
    def known(cls, view: "APIView", method: str) -> frozenset[str]:
        """Return the names of the parameters that the schema of a handler tells of."""
        place = (type(view), method)
        if place not in cls._known:
            from drf_spectacular.utils import OpenApiParameter

            names = {"format"}
            if getattr(view, "pagination_class", None) is not None:
                names |= {"cursor", "limit"}
            declared = getattr(getattr(view, method, None), "kwargs", {}).get("schema")
            if declared is not None:
                schema = declared()
                schema.view = view
                schema.method = method.upper()
                names |= {
                    one.name
                    for one in schema.get_override_parameters()
                    if isinstance(one, OpenApiParameter) and one.location == OpenApiParameter.QUERY
                }
            cls._known[place] = frozenset(names)
        return cls._known[place]
