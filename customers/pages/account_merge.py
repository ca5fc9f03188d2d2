"""Merging two accounts: choose, see what will move, merge; take it back."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import add_errors, done, refused
from customers.models import Account, AccountMerge
from customers.pages.account import find_account
from customers.pages.forms import AccountMergeForm
from customers.services.merge_accounts import UNDO_FOR, merge_accounts, preview_merge, unmerge_accounts
from people.requests import StaffRequest, page


@require_http_methods(["GET", "POST"])
@page("customers.edit")
def account_merge(request: StaffRequest, pk: int) -> HttpResponse:
    """Choose who takes the account over; asked with ``?target=`` or by the first POST, show what moves; confirmed, merge."""
    found = find_account(request, pk)
    data = request.POST if request.method == "POST" else request.GET if "target" in request.GET else None
    form = AccountMergeForm(data, viewer=request.viewer)
    target: Account | None = None
    moving = None
    if form.is_bound and form.is_valid():
        target = form.cleaned_data["target"]
        try:
            if request.method == "POST" and request.POST.get("confirmed"):
                merge_accounts(source=found, target=target, by=request.viewer)
                text = _("Merged. You can take it back for %d days, under Details.") % UNDO_FOR.days
                return done(request, text, reverse("account", args=[target.pk]))
            moving = preview_merge(source=found, target=target, by=request.viewer)
        except ValidationError as error:
            add_errors(form, error)
    context = {"account": found, "form": form, "target": target, "moving": moving, "days": UNDO_FOR.days}
    return render(
        request, "customers/merge.html", context, status=422 if form.is_bound and form.errors else 200
    )


@require_POST
@page("customers.edit")
def account_unmerge(request: StaffRequest, pk: int, merge_id: int) -> HttpResponse:
    """Take a merge into this account back."""
    found = find_account(request, pk)
    merge = get_object_or_404(AccountMerge, pk=merge_id, target=found)
    try:
        source = unmerge_accounts(merge=merge, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("account-tab", args=[found.pk, "details"]))
    return done(request, _("The merge is taken back."), reverse("account", args=[source.pk]))


def where_it_went(request: StaffRequest, pk: int) -> HttpResponse | None:
    """Lead from a merged account to the one that stands for it; None for others."""
    merged = Account.objects.filter(pk=pk).exclude(merged_into=None).first()
    if merged is None or not request.viewer.can("customers.view"):
        return None
    return redirect("account", pk=merged.merged_into_id)
