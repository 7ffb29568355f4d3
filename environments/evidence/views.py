"""`/audit/evidence/`: request a signed pack, and how to verify one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from environments.as_of.context import AsOf
from environments.as_of.presets import past_times
from environments.evidence import signing
from environments.evidence.forms import EvidenceForm
from environments.evidence.job import PERMISSIONS, start_pack
from portal.accounts.kept_forms import keeps_form, sent
from portal.jobs.start import TooManyJobs
from portal.ledger.chain import verify
from portal.ledger.models import Origin
from portal.web.confirming import asks_again
from portal.web.permissions import permission

NOT_ACCEPTED, TOO_MANY = 422, 429


@asks_again("POST")
@keeps_form
@require_http_methods(["GET", "POST"])
@permission(*PERMISSIONS, subject="Evidence packs")
def evidence(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST" and (kept := sent(request)):
        return _page(request, EvidenceForm(kept))
    if request.method != "POST":
        return _page(request, EvidenceForm(initial={"as_of": AsOf.read(request.GET.get("as_of", "")).field}))
    form = EvidenceForm(request.POST)
    if not form.is_valid():
        return _page(request, form, NOT_ACCEPTED)
    try:
        job = start_pack(form, request.user, Origin.PAGE)
    except TooManyJobs as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form, TOO_MANY)
    return redirect("jobs:job", job.pk)


def _page(request: HttpRequest, form: EvidenceForm, status: int = 200) -> HttpResponse:
    presets = past_times(timezone.now(), lambda at: f"?{urlencode({'as_of': at})}")
    context = {"form": form, "key": signing.public_key(), "head": verify.head(), "past_times": presets}
    return render(request, "environments/audit/evidence.html", context, status=status)
