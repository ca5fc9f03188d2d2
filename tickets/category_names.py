"""Names of categories for lists, kept in the process."""

from core.kept_rows import KeptNames
from tickets.models import Category

category_name = KeptNames(lambda: dict(Category.objects.values_list("pk", "name")), Category).name
