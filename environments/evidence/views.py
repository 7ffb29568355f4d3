"""`/audit/evidence/`: create a signed pack, and how to verify one."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from environments.activity.list import STREAM
from environments.as_of.context import AsOf
from environments.as_of.presets import past_times
from environments.audit.query import READ
from environments.evidence import signing
from environments.evidence.build import build_pack
from environments.evidence.forms import EvidenceForm
from portal.accounts.kept_forms import keeps_form, sent
from portal.exports.download import HEADERS, PERMISSION, PLACES
from portal.ledger.chain import verify
from portal.ledger.models import Origin
from portal.ledger.recording import RequestContext
from portal.web.confirming import asks_again
from portal.web.permissions import permission

PERMISSIONS = (*READ, *STREAM.permissions, PERMISSION)
NOT_ACCEPTED, UNAVAILABLE = 422, 503
FULL = "Too many files are being created at once. Try again in a minute."


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
    pack = make_pack(form, request.user)
    if pack is None:
        form.add_error(None, FULL)
        return _page(request, form, UNAVAILABLE)
    return pack


def make_pack(form: EvidenceForm, actor: Any, origin: Origin = Origin.PAGE) -> FileResponse | None:
    """The pack that a valid form asks for; None while as many files are made as there is room for."""
    if not PLACES.take():
        return None
    try:
        return _pack(form, {"actor": actor, "reason": form.cleaned_data["reason"], "origin": origin})
    finally:
        PLACES.leave()


def _pack(form: EvidenceForm, context: RequestContext) -> FileResponse:
    """Send the pack from an anonymous file, which is deleted when it was sent or the portal ends."""
    file = TemporaryFile()  # noqa: SIM115 (the response closes it)
    try:
        manifest = build_pack(form.pack_request(), context, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    name = f"evidence-{manifest.moment:%Y-%m-%dT%H%M%SZ}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip", headers=HEADERS)


def _page(request: HttpRequest, form: EvidenceForm, status: int = 200) -> HttpResponse:
    presets = past_times(timezone.now(), lambda at: f"?{urlencode({'as_of': at})}")
    context = {"form": form, "key": signing.public_key(), "head": verify.head(), "past_times": presets}
    return render(request, "environments/audit/evidence.html", context, status=status)
