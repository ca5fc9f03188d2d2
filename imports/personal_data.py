"""What imports keep about people: uploads, the texts of rows, archives. Nothing of one person alone, so all of it goes."""

from collections.abc import Collection, Mapping

from customers.registry import PersonalData
from imports.models import ExternalRef
from imports.services.forget_old import delete_uploads
from imports.services.make_archive import clear_expired_archives


class ImportData(PersonalData):
    """Copies of names in files: deleted behind the contact, because before it one could be made anew."""

    key = "imports"
    order = 1100

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Delete uploads, texts of rows and archives; forget who the person was over there."""
        uploads, archives = delete_uploads(), clear_expired_archives(all_of_them=True)
        refs, _by_table = ExternalRef.objects.filter(kind="contact", object_id__in=contact_ids).delete()
        return {"imports": uploads, "archives": archives, "external_refs": refs}
