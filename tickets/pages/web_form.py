"""The public side of web forms: the page, its thanks, the link in the mail, and the door for front ends of one's own.

They are used without cookies, in frames of other sites too. A signed token in the form stands for them; strangers learn from no
answer whom we know.
"""

import json
from collections.abc import Sequence
from typing import Any

from csp.decorators import csp_replace
from django import forms
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.api.problems import CONTENT_TYPE
from core.pages.forms import add_errors
from people.pages.addresses import network_address
from tickets.attachment_policy import MEGABYTE, AttachmentPolicy, attachment_policy
from tickets.channels.web.floods import TooMany
from tickets.channels.web.form import WebForm, asked_fields, form_behind
from tickets.channels.web.form_tokens import check_form_token, form_token, submission_of
from tickets.channels.web.services.confirm_submission import confirm_submission
from tickets.channels.web.services.submit_form import submit_form
from tickets.channels.web.values import (
    LONGEST_ADDRESS,
    LONGEST_MESSAGE,
    LONGEST_NAME,
    LONGEST_SUBJECT,
    OWN,
    read_values,
)
from tickets.custom_fields import LONGEST_TEXT
from tickets.incoming import IncomingFile
from tickets.models import CustomField, FormSubmission

# People do not see this field; whoever fills in everything does.
TRAP = "website"
# What a body may weigh beside its files.
TEXT_BYTES = 1_000_000
_Kind = CustomField.Kind
_UNREADABLE = (RequestDataTooBig, TooManyFilesSent, MultiPartParserError, OSError)


class PublicForm(forms.Form):
    """How a form is drawn. What the values may be, ``tickets.channels.web.values`` says."""

    def __init__(self, data: QueryDict | None = None, *, form: WebForm, policy: AttachmentPolicy) -> None:
        super().__init__(data)
        self.own = asked_fields(
            form, typed_values(data), subject="" if data is None else data.get("subject", "")
        )
        self.fields["name"] = _line(_("Your name"), LONGEST_NAME, form.ask_name, autocomplete="name")
        self.fields["email"] = _line(
            _("Your e-mail address"), LONGEST_ADDRESS, "required", autocomplete="email", type="email"
        )
        self.fields["subject"] = _line(_("Subject"), LONGEST_SUBJECT, form.ask_subject)
        for field in self.own:
            self.fields[f"{OWN}{field.key}"] = _own_field(field, field.key in form.required)
        self.fields["message"] = forms.CharField(
            label=_("Your message"),
            required=False,
            widget=forms.Textarea(_attributes(True, rows=7, maxlength=LONGEST_MESSAGE)),
        )
        for name in ("name", "subject"):
            if getattr(form, f"ask_{name}") == "hidden":
                del self.fields[name]

    @property
    def own_bound(self) -> list[forms.BoundField]:
        """The custom fields as drawn."""
        return [self[f"{OWN}{field.key}"] for field in self.own]

    @property
    def refused(self) -> list[tuple[str, str, str]]:
        """(id of the field, its label, why) of each refusal, for the list above the form."""
        return [
            (self[name].id_for_label or name, str(self[name].label), str(sentence))
            for name in self.fields
            for sentence in self.errors.get(name, [])
        ]


def typed_values(data: QueryDict | None) -> dict[str, Any]:
    """Return what was typed for custom fields, by key: a list where several were sent under one name."""
    if data is None:
        return {}
    return {
        name.removeprefix(OWN): data.getlist(name) if len(data.getlist(name)) > 1 else data[name]
        for name in data
        if name.startswith(OWN)
    }


def _attributes(is_required: bool, **others: Any) -> dict[str, Any]:
    return {"aria-required": "true", **others} if is_required else others


def _label(label: str, is_required: bool) -> str:
    return label if is_required else _("%s (optional)") % label


def _line(label: str, longest: int, asked: str, **attributes: Any) -> forms.CharField:
    kind = attributes.pop("type", "text")
    widget = forms.TextInput(_attributes(asked == "required", maxlength=longest, **attributes))
    widget.input_type = kind
    return forms.CharField(label=_label(label, asked == "required"), required=False, widget=widget)


def _own_field(field: CustomField, is_required: bool) -> forms.Field:
    """The form field of a custom field. It takes what is typed."""
    options: dict[str, Any] = {
        "label": _label(field.label, is_required),
        "required": False,
        "help_text": field.help_text,
    }
    attributes = _attributes(is_required)
    choices = [(one, one) for one in field.options]
    match field.kind:
        case _Kind.CHOICE:
            return forms.ChoiceField(
                choices=[("", "–"), *choices], widget=forms.Select(attributes), **options
            )
        case _Kind.MULTI:
            return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **options)
        case _Kind.BOOL:
            yes_or_no = [("", "–"), ("true", _("yes")), ("false", _("no"))]
            return forms.ChoiceField(choices=yes_or_no, widget=forms.Select(attributes), **options)
        case _Kind.DATE:
            return forms.CharField(widget=forms.DateInput({"type": "date", **attributes}), **options)
        case _Kind.NUMBER:
            return forms.CharField(widget=forms.TextInput({"inputmode": "decimal", **attributes}), **options)
    return forms.CharField(widget=forms.TextInput({"maxlength": LONGEST_TEXT, **attributes}), **options)


# The signed token in the form is the proof that it was drawn here; frames of other sites have no cookies of ours.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def web_form_page(request: HttpRequest, key: str) -> HttpResponse:
    """The form. What is refused is said beside its field, with all that was typed."""
    form = _form_or_404(key)
    with translation.override(form.language):
        if request.method != "POST":
            return _page(request, form, PublicForm(form=form, policy=attachment_policy()))
        return _submitted(request, form)


def _submitted(request: HttpRequest, form: WebForm) -> HttpResponse:
    policy = attachment_policy()
    try:
        _check_size(request, policy)
        data = request.POST
        files = _files(request, form)
    except _UNREADABLE:
        text = _("This was too much at once: %d MB of files at most.") % policy.megabytes_together
        drawn = PublicForm(form=form, policy=policy)
        return _page(request, form, drawn, error=text, status=413)
    drawn = PublicForm(data, form=form, policy=policy)
    drawn.is_valid()
    drawn.errors.clear()
    try:
        check_form_token(data.get("token"), form.inbox)
        submitted = read_values(form, _given(data))
        policy.check([(file.name, len(file.content)) for file in files])
        submit_form(
            form=form,
            submitted=submitted,
            files=files,
            network=network_address(request),
            is_trapped=bool(data.get(TRAP)),
        )
    except ValidationError as error:
        again = error.message_dict.pop("token", []) if hasattr(error, "error_dict") else []
        refused = error.message_dict.get("files", []) if hasattr(error, "error_dict") else []
        add_errors(drawn, error)
        if files and not refused:
            refused = [_("Please choose your files once more.")]
        return _page(request, form, drawn, error=" ".join(again), refused_files=refused, status=422)
    except TooMany as error:
        text = _("Too much was sent from your network or for this address. Please try again in %s.")
        response = _page(request, form, drawn, error=text % _wait(error.retry_after), status=429)
        response["Retry-After"] = str(error.retry_after)
        return response
    response = HttpResponse(status=303)
    response["Location"] = _with_frame(request, reverse("web-form-thanks", args=[form.inbox.hook_key]))
    return response


@csrf_exempt
@require_POST
def web_form_fields(request: HttpRequest, key: str) -> HttpResponse:
    """The custom fields that follow from what is filled in; 204 while they are the same."""
    form = _form_or_404(key)
    try:
        _check_size(request, attachment_policy())
        data = request.POST
    except _UNREADABLE:
        return HttpResponse(status=204)
    with translation.override(form.language):
        drawn = PublicForm(data, form=form, policy=attachment_policy())
        if _shape(drawn) == data.get("shape", ""):
            return HttpResponse(status=204)
        drawn.is_valid()
        # Nothing is refused before it is sent.
        drawn.errors.clear()
        context = {"drawn": drawn, "shape": _shape(drawn), **_frame(request)}
        return _framed(form, render(request, "tickets/web_form/_fields.html", context))


@never_cache
@require_GET
def web_form_thanks(request: HttpRequest, key: str) -> HttpResponse:
    """What people read once it is sent; the same for everybody."""
    form = _form_or_404(key)
    with translation.override(form.language):
        context = {"form": form, "words": thanks_of(form), "again_url": _with_frame(request, _path(form))}
        return _framed(form, render(request, "tickets/web_form/thanks.html", context | _frame(request)))


# Opened from mails, in browsers without cookies too; the signed token is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def web_form_confirm(request: HttpRequest, key: str, token: str) -> HttpResponse:
    """The link in the mail: looking changes nothing, because mail scanners open every link; the button confirms."""
    submission = confirm_submission(token=token) if request.method == "POST" else submission_of(token)
    if submission is None or submission.inbox.hook_key != key:
        raise Http404(_("There is no such link."))
    form = _form_or_404(key)
    with translation.override(form.language):
        state = FormSubmission.State(submission.state)
        is_over = (
            state in {FormSubmission.State.EXPIRED, FormSubmission.State.REFUSED} or not submission.values
        )
        waits = state == FormSubmission.State.WAITING
        context = {
            "form": form,
            "waits": waits and not is_over and not _is_late(submission),
            "is_over": is_over or (waits and _is_late(submission)),
            "thanks": form.thanks,
            "again_url": _path(form),
            **_frame(request),
        }
        return _framed(form, render(request, "tickets/web_form/confirm.html", context))


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST", "OPTIONS"])
def web_form_submit(request: HttpRequest, key: str) -> HttpResponse:
    """The door for front ends: GET tells what is asked and gives a token, POST sends (JSON, or multipart with files).

    Answers with 202, or problem+json that names the fields: 403 for a website that is not allowed, 413, 415, 422, 429.
    """
    form = _form_or_404(key)
    origin = request.headers.get("Origin", "")
    if origin and origin not in form.origins and origin != _own_origin(form):
        return _problem(403, "forbidden", _("This website may not use the form."))
    with translation.override(form.language):
        if request.method == "OPTIONS":
            response = HttpResponse(status=204)
        elif request.method == "GET":
            response = JsonResponse(_description(form, request.GET))
        else:
            response = _sent(request, form)
    response["Vary"] = "Origin"
    if origin:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Methods"] = "GET, POST"
        response["Access-Control-Allow-Headers"] = "Content-Type"
        response["Access-Control-Max-Age"] = "3600"
        response["Access-Control-Expose-Headers"] = "Retry-After"
    return response


def _sent(request: HttpRequest, form: WebForm) -> HttpResponse:
    policy = attachment_policy()
    try:
        _check_size(request, policy)
        given = _body(request)
        files = _files(request, form)
    except _UNREADABLE:
        return _problem(413, "too_large", _("The body is too large or cannot be read."))
    if given is None:
        return _problem(415, "unsupported_media_type", _("Send a JSON object, or a form with files."))
    try:
        check_form_token(given.get("token"), form.inbox)
        submitted = read_values(form, given)
        policy.check([(file.name, len(file.content)) for file in files])
        submit_form(
            form=form,
            submitted=submitted,
            files=files,
            network=network_address(request),
            is_trapped=bool(given.get(TRAP)),
        )
    except ValidationError as error:
        named = ", ".join(sorted(error.message_dict))
        return _problem(422, "invalid", _("Refused: %s.") % named, errors=error.message_dict)
    except TooMany as error:
        response = _problem(429, "throttled", _("Too much was sent. Please try again later."))
        response["Retry-After"] = str(error.retry_after)
        return response
    return JsonResponse({"needs_confirmation": form.double_opt_in, "message": thanks_of(form)}, status=202)


def thanks_of(form: WebForm) -> str:
    """Return what is said to who has sent the form; it depends on the form alone, so that it tells nothing of the person."""
    if not form.double_opt_in:
        return form.thanks or _("Thank you. We have your message and will answer by e-mail.")
    if form.skips_known:
        return _(
            "Thank you. If you have not confirmed your address with us before, a mail with a link is on its way to you. Open it "
            "within seven days, and your message reaches us."
        )
    return _(
        "One more step: a mail with a link is on its way to you. Open it within seven days, and your message reaches us."
    )


def _description(form: WebForm, given: QueryDict) -> dict[str, Any]:
    """What a front end needs: texts, fields (those that follow from ``field-<key>`` in the query), files, the token."""
    policy = attachment_policy()
    basic = [
        ("name", form.ask_name),
        ("email", "required"),
        ("subject", form.ask_subject),
        ("message", "required"),
    ]
    own = asked_fields(form, typed_values(given), subject=given.get("subject", ""))
    return {
        "title": form.title,
        "introduction": form.intro,
        "language": form.language,
        "fields": [
            *({"name": name, "required": asked == "required"} for name, asked in basic if asked != "hidden"),
            *(
                {
                    "name": f"{OWN}{field.key}",
                    "label": field.label,
                    "help": field.help_text,
                    "kind": field.kind,
                    "choices": field.options,
                    "required": field.key in form.required,
                }
                for field in own
            ),
        ],
        "files": {"most": policy.files, "megabytes_each": policy.megabytes_each}
        if form.takes_files
        else None,
        "token": form_token(form.inbox),
    }


def _body(request: HttpRequest) -> dict[str, Any] | None:
    """What was sent, None for what is no object. JSON may carry halves of surrogate pairs; texts are cleaned when read."""
    if request.content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        return _given(request.POST)
    if request.content_type != "application/json":
        return None
    if len(request.body) > TEXT_BYTES:
        raise RequestDataTooBig
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _given(data: QueryDict) -> dict[str, Any]:
    own = {f"{OWN}{key}": value for key, value in typed_values(data).items()}
    return {**{name: data[name] for name in data if not name.startswith(OWN)}, **own}


def _files(request: HttpRequest, form: WebForm) -> list[IncomingFile]:
    if not form.takes_files:
        return []
    return [
        IncomingFile(file.name or "attachment", file.read(), file.content_type or "application/octet-stream")
        for file in request.FILES.getlist("files")
        if file.size or file.name
    ]


def _check_size(request: HttpRequest, policy: AttachmentPolicy) -> None:
    """Raise RequestDataTooBig before a body is read that can only be refused."""
    announced = request.headers.get("Content-Length", "0")
    if not announced.isdecimal() or int(announced) > policy.megabytes_together * MEGABYTE + TEXT_BYTES:
        raise RequestDataTooBig


def _form_or_404(key: str) -> WebForm:
    form = form_behind(key)
    if form is None:
        raise Http404(_("There is no such form."))
    return form


def _page(
    request: HttpRequest,
    form: WebForm,
    drawn: PublicForm,
    *,
    error: str = "",
    refused_files: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    policy = attachment_policy()
    context = {
        "form": form,
        "drawn": drawn,
        "shape": _shape(drawn),
        "token": form_token(form.inbox),
        "error": error,
        "refused_files": refused_files,
        "trap": TRAP,
        "policy": policy,
        "action": _with_frame(request, _path(form)),
        "fields_url": reverse("web-form-fields", args=[form.inbox.hook_key]),
        **_frame(request),
    }
    return _framed(form, render(request, "tickets/web_form/page.html", context, status=status))


def _framed(form: WebForm, response: HttpResponse) -> HttpResponse:
    """Let the sites of the form, and nobody else, show the page in a frame."""
    if not form.origins:
        return response
    response.xframe_options_exempt = True
    allowed = csp_replace({"frame-ancestors": list(form.origins)})
    framed: HttpResponse = allowed(lambda _request: response)(HttpRequest())
    return framed


def _frame(request: HttpRequest) -> dict[str, Any]:
    """Without a token of Django's, which would set a cookie."""
    return {"is_embedded": request.GET.get("embed") == "1", "csrf_token": ""}


def _with_frame(request: HttpRequest, path: str) -> str:
    return f"{path}?embed=1" if request.GET.get("embed") == "1" else path


def _path(form: WebForm) -> str:
    return reverse("web-form", args=[form.inbox.hook_key])


def _shape(drawn: PublicForm) -> str:
    return " ".join(field.key for field in drawn.own)


def _own_origin(form: WebForm) -> str:
    return "/".join(form.url.split("/")[:3])


def _is_late(submission: FormSubmission) -> bool:
    return submission.expires_at <= timezone.now()


def _wait(seconds: int) -> str:
    if seconds < 90:
        return _("a minute")
    if seconds < 5400:
        return _("%d minutes") % round(seconds / 60)
    return _("%d hours") % max(1, round(seconds / 3600))


def _problem(status: int, code: str, detail: str, *, errors: Any = None) -> HttpResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
    }
    body["detail"] = detail
    if errors is not None:
        body["errors"] = errors
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
