"""The job behind "Index everything again": walks every kind of text in slices."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from core.search.sources import count_again, reindex_slice, search_sources


class Reindex(JobHandler):
    """Indexes a thousand texts per slice; a killed worker repeats one slice. ``params["kind"]`` restricts it to one kind."""

    key = "core.reindex"
    label = _("Index texts for search")

    def run_slice(self, job: Job) -> Slice:
        """Index the next texts, kind by kind."""
        kinds = [job.params["kind"]] if job.params.get("kind") else [source.key for source in search_sources]
        kind = job.cursor.get("kind", kinds[0])
        after, count = reindex_slice(search_sources.get(kind), after=int(job.cursor.get("after", 0)))
        total = job.total or sum(search_sources.get(one).rows().count() for one in kinds)
        place = kinds.index(kind)
        done = job.done + count
        if count:
            return Slice({"kind": kind, "after": after}, done, max(total, done), finished=False)
        if place + 1 < len(kinds):
            return Slice({"kind": kinds[place + 1], "after": 0}, done, max(total, done), finished=False)
        count_again()
        return Slice({}, done, done, finished=True, result={"indexed": done})
