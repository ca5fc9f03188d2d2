"""Note that records of ours changed: what is linked with them is decided again."""

from collections.abc import Collection

from integrations.models import CrmLink, CrmRecord

_DECIDED = (CrmRecord.State.APPLIED, CrmRecord.State.FAILED)


def note_local_changes(*, kind: str, ids: Collection[int], source: str) -> int:
    """Let the stored records of their other side wait for the next pass; returns how many.

    ``source`` is where the change came from: a connection needs not be told what it wrote itself.
    """
    links = CrmLink.objects.filter(object=kind, local_id__in=ids, state=CrmLink.State.LINKED)
    if source.startswith("crm:") and source[4:].isdecimal():
        links = links.exclude(connection=int(source[4:]))
    marked = 0
    by_connection: dict[int, list[str]] = {}
    for connection_id, remote_id in links.values_list("connection", "remote_id"):
        by_connection.setdefault(connection_id, []).append(remote_id)
    for connection_id, remote_ids in by_connection.items():
        rows = CrmRecord.objects.filter(connection=connection_id, object=kind, remote_id__in=remote_ids)
        marked += rows.filter(state__in=_DECIDED).update(state=CrmRecord.State.WAITING)
    return marked
