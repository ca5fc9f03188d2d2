"""Tables of imports."""

from imports.models.archive import Archive
from imports.models.run import ExternalRef, Import, ImportRow

__all__ = ["Archive", "ExternalRef", "Import", "ImportRow"]
