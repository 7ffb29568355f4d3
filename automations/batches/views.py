"""A batch is cancelled, or continued, from its page."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from automations.batches.list import SEE, find
from automations.batches.start import cancel_batch, continue_batch
from portal.web.permissions import permission


@permission(*SEE)
@require_POST
def batch_cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Cancel: no further requests. Requires the permission of the batch's action."""
    batch = find(batch_id)
    if not cancel_batch(batch=batch, actor=request.user):
        messages.info(request, "There was nothing left to cancel.")
    return redirect("automations:batch", batch.pk)


@permission(*SEE)
@require_POST
def batch_continue(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Begin what waits after the first items. Requires the permission of the batch's action."""
    batch = find(batch_id)
    if not continue_batch(batch=batch, actor=request.user):
        messages.info(request, "There was nothing left to continue.")
    return redirect("automations:batch", batch.pk)
