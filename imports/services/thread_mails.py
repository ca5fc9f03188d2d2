"""Put the mails of an import into their conversations, before any is written: mailboxes hold them in any order."""

import hashlib

from core.bulk_rows import update_rows
from imports.models import Import, ImportRow


def thread_mails(run: Import) -> int:
    """Write into ``parent`` of each mail the conversation that its headers name; returns how many there are."""
    leader: dict[str, str] = {}

    def find(one: str) -> str:
        while leader.setdefault(one, one) != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    own: dict[int, str] = {}
    rows = run.rows.filter(kind="mail", outcome=ImportRow.Outcome.WAITING).order_by("line", "pk")
    for pk, digest, message_id, referred in rows.values_list(
        "pk", "external_id", "data__message_id", "data__referred"
    ).iterator(chunk_size=2000):
        own[pk] = message_id or digest
        for other in referred or ():
            leader[find(own[pk])] = find(other)
    roots = {pk: hashlib.sha256(find(one).encode()).hexdigest() for pk, one in own.items()}
    update_rows(ImportRow, ("parent",), [(root, pk) for pk, root in roots.items()])
    return len(set(roots.values()))
