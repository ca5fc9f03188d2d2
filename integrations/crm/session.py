"""The one way to ask a CRM: signs in, notes the quota, turns answers that were not asked for into CrmFailure.

A token that is not taken any more is replaced once per call. What a call learns about the connection (token, quota, pause,
refusal) is written at once and apart from anybody's transaction, so ask outside of transactions.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from core import guarded_http
from core.guarded_http import CallFailed, RefusedAddress
from core.secret_box import CannotOpen, seal, unseal
from integrations.crm.contract import Answer, CrmSystem, OutOfQuota, SignInRefused, Unreachable, crm_systems
from integrations.models import CrmConnection

PURPOSE = "integrations.crm"
TOTAL_SECONDS = 25.0
MOST_BYTES = 16 * 1024 * 1024
# When a share of the quota is used up, how long before somebody looks again.
LOOK_AGAIN = timedelta(minutes=30)


class CrmSession:
    """Asks one connection. ``system`` is its adapter."""

    def __init__(self, connection: CrmConnection) -> None:
        self.connection = connection
        self.system: CrmSystem = crm_systems.get(connection.system)

    def ask(self, method: str, path: str, *, body: Any = None) -> Answer:
        """Send one request with the token and return the answer; raises CrmFailure."""
        self._respect_limits()
        token = self._token()
        answer = self._call(method, path, body=body, token=token)
        failure = self.system.failure(answer, timezone.now())
        if isinstance(failure, SignInRefused):
            answer = self._call(method, path, body=body, token=self._new_token())
            failure = self.system.failure(answer, timezone.now())
        if isinstance(failure, SignInRefused):
            self._note_refusal(failure)
        if isinstance(failure, OutOfQuota):
            self._note(paused_until=failure.until, pause_reason=str(failure)[:300])
        if failure is not None:
            raise failure
        if quota := self.system.quota(answer.headers):
            self._note(quota={**quota, "at": timezone.now().isoformat()})
        return answer

    def _respect_limits(self) -> None:
        """Raise OutOfQuota while the CRM wants to be left alone, or when our share of its quota is used up."""
        if (until := self.connection.waits_until) is not None:
            raise OutOfQuota(self.connection.pause_reason or "paused", until=until)
        quota = self.connection.quota
        limit = quota.get("limit") or 0
        if not limit or quota["used"] * 100 < limit * self.connection.quota_percent:
            return
        seen_at = datetime.fromisoformat(quota["at"])
        if timezone.now() - seen_at < LOOK_AGAIN:
            until = seen_at + LOOK_AGAIN
            reason = f"{quota['used']} of {limit} calls are used; the rest is for others"
            self._note(paused_until=until, pause_reason=reason)
            raise OutOfQuota(reason, until=until, policy=str(quota.get("period", "")))

    def _token(self) -> str:
        if self.connection.token:
            try:
                return unseal(self.connection.token, purpose=PURPOSE)
            except CannotOpen:
                pass
        return self._new_token()

    def _new_token(self) -> str:
        """Sign in; notes a refusal on the connection."""
        try:
            known = json.loads(unseal(self.connection.credentials, purpose=PURPOSE))
        except CannotOpen:
            refusal = SignInRefused(
                "The secret key of this installation has changed: enter the credentials again."
            )
            self._note_refusal(refusal)
            raise refusal from None
        try:
            token = self.system.sign_in(known, self._ask_openly)
        except SignInRefused as error:
            self._note_refusal(error)
            raise
        self._note(token=seal(token, purpose=PURPOSE), sign_in_refused_at=None)
        return token

    def _ask_openly(self, method: str, path: str, *, form: Mapping[str, str]) -> Answer:
        """Send a form without a token: to sign in."""
        answer = self._call(method, path, form=form)
        if answer.status >= 500 or answer.status == 429:
            raise Unreachable(f"the sign-in answered {answer.status}")
        return answer

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        token: str = "",
    ) -> Answer:
        if not path.startswith("/") or path.startswith("//"):
            raise Unreachable("the CRM named an address that is none of its own")
        headers = {"accept": "application/json", "user-agent": "CS-Ops-CRM/1"}
        data = b""
        if form is not None:
            data, headers["content-type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif body is not None:
            data, headers["content-type"] = json.dumps(body).encode(), "application/json"
        if token:
            headers["authorization"] = f"Bearer {token}"
        try:
            answer = guarded_http.call(
                self.connection.base_url.rstrip("/") + path,
                method=method,
                body=data,
                headers=headers,
                total_seconds=TOTAL_SECONDS,
                most_bytes=MOST_BYTES,
            )
        except (RefusedAddress, CallFailed, ValueError) as error:
            raise Unreachable(str(error)[:300]) from error
        if answer.is_cut:
            raise Unreachable("the answer is larger than 16 MiB")
        return Answer(answer.status, _json(answer.body), answer.headers, _server_time(answer.headers))

    def _note_refusal(self, error: SignInRefused) -> None:
        now = timezone.now()
        self._note(
            token="", sign_in_refused_at=now, last_error=str(error)[:300], last_error_at=now
        )  # fmt: skip

    def _note(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.connection, name, value)
        CrmConnection.objects.filter(pk=self.connection.pk).update(**values)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    """The clock of the server, None when it tells none that can be read."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None
