"""A HubSpot and a Salesforce on this machine: they keep records, page, refuse, count calls and fail when told to."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, str], Any]
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@dataclass
class Row:
    """A record there."""

    values: dict[str, Any]
    modified_at: datetime
    is_deleted: bool = False


@dataclass
class Call:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any
    headers: dict[str, str]


class FakeCrm:
    """What both have in common. ``faults`` are asked first: the first that answers is used up."""

    def __init__(self) -> None:
        self.url = ""
        self.token = "good-token"
        self.rows: dict[str, dict[str, Row]] = {"account": {}, "contact": {}, "subscription": {}}
        self.calls: list[Call] = []
        self.faults: list[Callable[[Call], Answer | None]] = []
        self.refuses: dict[str, str] = {}
        self.now = START
        self.next_id = 1000
        self.writes: list[tuple[str, dict[str, Any]]] = []

    def tick(self, seconds: float = 1) -> datetime:
        """Let time pass there."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def add(self, kind: str, *, remote_id: str = "", at: datetime | None = None, **values: Any) -> str:
        """Add a record."""
        self.next_id += 1
        found = remote_id or self.new_id(kind)
        self.rows[kind][found] = Row(values, at or self.tick())
        return found

    def edit(self, kind: str, remote_id: str, *, at: datetime | None = None, **values: Any) -> None:
        """Change a record there."""
        row = self.rows[kind][remote_id]
        row.values |= values
        row.modified_at = at or self.tick()

    def delete(self, kind: str, remote_id: str) -> None:
        """Delete one."""
        row = self.rows[kind][remote_id]
        row.is_deleted, row.modified_at = True, self.tick()

    def new_id(self, kind: str) -> str:
        """An id of its kind."""
        raise NotImplementedError

    def fail_next(self, answer: Answer, *, where: str = "") -> None:
        """Answer the next call whose path has ``where`` so."""
        self.faults.append(lambda call: answer if where in call.path else None)

    def answer(self, call: Call) -> Answer:
        """Answer a call."""
        self.calls.append(call)
        for fault in list(self.faults):
            if (found := fault(call)) is not None:
                self.faults.remove(fault)
                return found
        return self.handle(call)

    def handle(self, call: Call) -> Answer:
        """Answer a call for which no fault is set."""
        raise NotImplementedError

    def is_let_in(self, call: Call) -> bool:
        """Whether the token is taken."""
        return call.headers.get("authorization") == f"Bearer {self.token}"

    def written(self, kind: str, remote_id: str, values: dict[str, Any]) -> None:
        """Keep what somebody wrote over the API."""
        self.writes.append((remote_id, dict(values)))
        self.edit(kind, remote_id, **values)


class FakeHubSpot(FakeCrm):
    """The parts of the CRM API v3 that the adapter uses."""

    KINDS = {"companies": "account", "contacts": "contact", "deals": "subscription"}
    MODIFIED = {
        "account": "hs_lastmodifieddate",
        "contact": "lastmodifieddate",
        "subscription": "hs_lastmodifieddate",
    }

    def new_id(self, kind: str) -> str:
        """Numbers."""
        return str(self.next_id)

    def handle(self, call: Call) -> Answer:
        """Route."""
        if call.path == "/oauth/v1/token":
            return 200, {}, {"access_token": self.token, "expires_in": 1800}
        if not self.is_let_in(call):
            return 401, {}, {"status": "error", "message": "Authentication credentials not found"}
        headers = {"X-HubSpot-RateLimit-Daily": "250000", "X-HubSpot-RateLimit-Daily-Remaining": "249000"}
        if found := re.fullmatch(r"/crm/v3/properties/(\w+)", call.path):
            return (
                200,
                headers,
                {"results": [{"name": "name", "label": "Name"}, {"name": "cs_ops_id", "label": "CS Ops"}]},
            )
        found = re.fullmatch(r"/crm/v3/objects/(\w+)(/search|/batch/read|/batch/update)?", call.path)
        if found is None:
            return 404, {}, {"message": "no such path"}
        kind = self.KINDS[found[1]]
        act = {"/search": self._search, "/batch/read": self._read, "/batch/update": self._update}
        if found[2] is None:
            return self._archived(kind, call)
        return act[found[2]](kind, call)

    def _shown(self, kind: str, remote_id: str, names: list[str] | None = None) -> dict[str, Any]:
        row = self.rows[kind][remote_id]
        moment = row.modified_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {name: None if value is None else str(value) for name, value in row.values.items()}
        if names is not None:
            values = {name: values.get(name) for name in names}
        values |= {"hs_object_id": remote_id, self.MODIFIED[kind]: moment}
        found = {
            "id": remote_id,
            "properties": values,
            "createdAt": moment,
            "updatedAt": moment,
            "archived": row.is_deleted,
        }
        return found | ({"archivedAt": moment} if row.is_deleted else {})

    def _search(self, kind: str, call: Call) -> Answer:
        filters = {one["propertyName"]: one for one in call.body["filterGroups"][0]["filters"]}
        after = int(filters.pop("hs_object_id")["value"])
        since = filters.pop(self.MODIFIED[kind], {}).get("value")
        found = []
        for remote_id, row in sorted(self.rows[kind].items(), key=lambda item: int(item[0])):
            if row.is_deleted or int(remote_id) <= after:
                continue
            if since is not None and row.modified_at.timestamp() * 1000 < int(since):
                continue
            if all(str(row.values.get(name)) == one["value"] for name, one in filters.items()):
                found.append(remote_id)
        limit = call.body["limit"]
        page = [self._shown(kind, one, call.body["properties"]) for one in found[:limit]]
        paging = {"paging": {"next": {"after": str(limit)}}} if len(found) > limit else {}
        return 200, {}, {"total": len(found), "results": page, **paging}

    def _read(self, kind: str, call: Call) -> Answer:
        ids = [one["id"] for one in call.body["inputs"]]
        found = [one for one in ids if one in self.rows[kind] and not self.rows[kind][one].is_deleted]
        return (
            200,
            {},
            {
                "status": "COMPLETE",
                "results": [self._shown(kind, one, call.body["properties"]) for one in found],
            },
        )

    def _update(self, kind: str, call: Call) -> Answer:
        done, errors = [], []
        for one in call.body["inputs"]:
            if one["id"] in self.refuses:
                errors.append(
                    {"status": "error", "category": "VALIDATION_ERROR", "message": self.refuses[one["id"]],
                     "context": {"ids": [one["id"]]}}
                )  # fmt: skip
            elif one["id"] in self.rows[kind]:
                self.written(kind, one["id"], one["properties"])
                done.append(self._shown(kind, one["id"], list(one["properties"])))
        return (207 if errors else 200), {}, {"status": "COMPLETE", "results": done, "errors": errors}

    def _archived(self, kind: str, call: Call) -> Answer:
        rows = [self._shown(kind, one, []) for one, row in self.rows[kind].items() if row.is_deleted]
        return 200, {}, {"results": rows}


class FakeSalesforce(FakeCrm):
    """The parts of the REST API that the adapter uses; two records a page."""

    KINDS = {"Account": "account", "Contact": "contact", "Opportunity": "subscription"}

    def __init__(self) -> None:
        super().__init__()
        self.page_size = 2
        self.used, self.limit = 10, 15000
        self.locators: dict[str, tuple[str, list[str], list[str]]] = {}

    def new_id(self, kind: str) -> str:
        """15 letters and digits."""
        return f"{ {'account': '001', 'contact': '003', 'subscription': '006'}[kind] }{self.next_id:012d}"

    def handle(self, call: Call) -> Answer:
        """Route."""
        if call.path == "/services/oauth2/token":
            self.token = f"token-{len(self.calls)}"
            return 200, {}, {"access_token": self.token, "instance_url": "https://elsewhere.example"}
        if not self.is_let_in(call):
            return 401, {}, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
        self.used += 1
        headers = {"Sforce-Limit-Info": f"api-usage={self.used}/{self.limit}"}
        status, more, body = self._route(call)
        return status, headers | more, body

    def _route(self, call: Call) -> Answer:
        path = re.sub(r"^/services/data/v\d+\.0", "", call.path)
        if path == "/queryAll":
            return self._query(call.query["q"][0])
        if path.startswith("/query/"):
            return self._more(path.removeprefix("/query/"))
        if path == "/composite/sobjects":
            return 200, {}, [self._update(one) for one in call.body["records"]]
        if found := re.fullmatch(r"/composite/sobjects/(\w+)", path):
            kind = self.KINDS[found[1]]
            names = call.body["fields"]
            return 200, {}, [
                self._shown(kind, one, names) if one in self.rows[kind] else None for one in call.body["ids"]
            ]  # fmt: skip
        if found := re.fullmatch(r"/sobjects/(\w+)/describe", path):
            fields = [{"name": "Name", "label": "Name", "updateable": found[1] != "Contact"}]
            return 200, {}, {"fields": fields}
        return 404, {}, [{"errorCode": "NOT_FOUND", "message": "no such path"}]

    def _shown(self, kind: str, remote_id: str, names: list[str]) -> dict[str, Any]:
        row = self.rows[kind][remote_id]
        moment = row.modified_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
        values = {name: row.values.get(name) for name in names}
        if kind == "contact" and "Name" in names:
            parts = (row.values.get("FirstName"), row.values.get("LastName"))
            values["Name"] = " ".join(part for part in parts if part)
        values |= {"Id": remote_id, "SystemModstamp": moment, "IsDeleted": row.is_deleted}
        return {"attributes": {"type": kind}, **values}

    def _query(self, soql: str) -> Answer:
        found = re.fullmatch(r"SELECT (.+) FROM (\w+)(?: WHERE (.+))? ORDER BY Id", soql)
        assert found is not None, soql
        names, kind = found[1].split(", "), self.KINDS[found[2]]
        ids = sorted(self.rows[kind])
        for condition in (found[3] or "").split(" AND ") if found[3] else []:
            ids = [one for one in ids if self._holds(self.rows[kind][one], one, condition)]
        return self._page(kind, ids, names)

    def _holds(self, row: Row, remote_id: str, condition: str) -> bool:
        name, operator, value = condition.split(" ", 2)
        if name == "Id":
            return remote_id > value.strip("'")
        if name == "SystemModstamp":
            return row.modified_at >= datetime.fromisoformat(value)
        assert operator == "="
        return str(row.values.get(name)) == value.strip("'")

    def _page(self, kind: str, ids: list[str], names: list[str]) -> Answer:
        now, later = ids[: self.page_size], ids[self.page_size :]
        body: dict[str, Any] = {
            "totalSize": len(ids), "done": not later, "records": [self._shown(kind, one, names) for one in now],
        }  # fmt: skip
        if later:
            locator = f"01g{len(self.locators):06d}-{self.page_size}"
            self.locators[locator] = (kind, later, names)
            body["nextRecordsUrl"] = f"/services/data/v61.0/query/{locator}"
        return 200, {}, body

    def _more(self, locator: str) -> Answer:
        if locator not in self.locators:
            return 400, {}, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
        return self._page(*self.locators[locator])

    def _update(self, one: dict[str, Any]) -> dict[str, Any]:
        kind = self.KINDS[one["attributes"]["type"]]
        if one["id"] in self.refuses:
            error = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": self.refuses[one["id"]]}
            return {"id": one["id"], "success": False, "errors": [error]}
        self.written(
            kind, one["id"], {name: value for name, value in one.items() if name not in ("attributes", "id")}
        )
        return {"id": one["id"], "success": True, "errors": []}


@contextmanager
def running(settings: Any, fake: FakeCrm) -> Iterator[FakeCrm]:
    """Serve a fake on a port of the loopback that may be called meanwhile."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.fake = fake  # type: ignore[attr-defined]
    fake.url = f"http://127.0.0.1:{server.server_port}"
    settings.GUARDED_HTTP_ALLOW = [f"127.0.0.1:{server.server_port}"]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    """Passes requests to the fake; its clock is that of the fake."""

    def do_GET(self) -> None:
        """Asked."""
        self._take()

    def do_POST(self) -> None:
        """Told."""
        self._take()

    def do_PATCH(self) -> None:
        """Told to change."""
        self._take()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The fake's clock."""
        return super().date_time_string(self.server.fake.now.timestamp())  # type: ignore[attr-defined]

    def _take(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        is_json = "json" in self.headers.get("content-type", "")
        body = json.loads(raw) if raw and is_json else parse_qs(raw.decode())
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, parts.path, parse_qs(parts.query), body, headers)
        status, more, answer = self.server.fake.answer(call)  # type: ignore[attr-defined]
        if not status:
            self.close_connection = True
            return
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **more}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Be quiet."""
