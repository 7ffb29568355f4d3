"""`/environments/new/`: asks for a new environment, and follows what becomes of it until its own page can be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRedirect

from environments.actions import creation_choices
from environments.actions.creation import CREATIONS, create_environment, create_environment_from_project
from environments.actions.forms.creation import FROM_PROJECT, FROM_URL, CreationForm
from environments.actions.views.action import status_of, submit
from environments.actions.views.panel import page_of
from environments.models import Environment
from portal.accounts.kept_forms import keeps_form, sent
from portal.directory.connection import ona_now
from portal.directory.models import Member, Organization
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import RequestContext
from portal.ona import OnaError
from portal.web.htmx import htmx_of, is_fragment, render_page
from portal.web.parameters import anything, takes
from portal.web.permissions import permission

PREFILLED = ("url", "branch", "project", "project_class", "name")  # what a link may fill in
PARTS = {  # of the form, by the id of the element that each takes the place of
    "project-classes": "environments/actions/_create_classes.html",
    "project": "environments/actions/_create_project.html",
    "browse": "environments/actions/_create_browse.html",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose environment it will be: the identity that the token belongs to, and how many it has by the cache."""

    name: str
    environments: int


@takes(**dict.fromkeys((*PREFILLED, "operation", "again", "find"), anything))
@keeps_form
@permission("environments.view_environment", "environments.add_environment")
def environment_create(request: HttpRequest) -> HttpResponseBase:
    if "operation" in request.GET:
        return _follow(request, _own(request, request.GET["operation"]))
    fields = sent(request)
    if fields is None:
        return _show(request, CreationForm(initial=_initial(request)))
    form = CreationForm(fields)
    operation = submit(request, form, lambda: create(form, form.request_context(request.user)))
    if operation is None or operation.outcome == Outcome.FAILED:
        return _show(request, form, operation)
    return redirect(f"{request.path}?operation={operation.pk}")


def create(form: CreationForm, context: RequestContext) -> Operation:
    """What a valid form asks for."""
    project, arguments = form.wanted()
    if project is None:
        return create_environment(**arguments, **context)
    return create_environment_from_project(project=project, **arguments, **context)


def _show(request: HttpRequest, form: CreationForm, failed: Operation | None = None) -> HttpResponse:
    find = request.GET.get("find", "")
    browsed, count = creation_choices.browse(find, form.projects)
    parts: dict[str, Any] = {"form": form, "find": find, "browsed": browsed, "count": count}
    details = htmx_of(request)
    if details is not None and details.target in PARTS:
        return render(request, PARTS[details.target], parts)
    organization = Organization.objects.present().order_by("id").first()
    context = parts | {
        "operation": failed,
        "owner": _owner(),
        "policies": creation_choices.policies(organization),
        "from_url": [form[name] for name in ("url", "branch", "environment_class")],
        "last": [form[name] for name in ("name", "reason")],
    }
    return render(request, "environments/actions/create.html", context, status=status_of(request, form))


def _owner() -> Owner | None:
    """None where Ona does not say whose the token is (IdentityService.GetAuthenticatedIdentity)."""
    try:
        identity = ona_now().get_authenticated_identity().subject
    except (OnaError, ValueError):
        return None
    if identity.id is None:
        return None
    member = Member.objects.filter(pk=identity.id).first()
    kind = identity.principal.removeprefix("PRINCIPAL_").replace("_", " ").lower()
    name = f"{member.name or member.email or member.pk}" if member else f"{kind or 'identity'} {identity.id}"
    return Owner(name, Environment.objects.present().filter(creator_id=identity.id).count())


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What a link to the form fills in: its parameters, or what was asked for by the operation it names (`again`)."""
    if "again" in request.GET:
        after = _own(request, request.GET["again"]).after
        given = {"url": after.get("contextUrl"), "project": after.get("projectId"), "name": after.get("name")}
        kind = "project_class" if "projectId" in after else "environment_class"
        given |= {"branch": after.get("branch"), kind: after.get("class")}
    else:
        given = {name: request.GET.get(name) for name in PREFILLED}
    if project := given.get("project"):
        known = creation_choices.projects()
        found = creation_choices.find_project(project, known)
        given["project"] = next((text for text, each in known.items() if each == found), project)
    way = FROM_PROJECT if given.get("project") or "find" in request.GET else FROM_URL
    return {name: value for name, value in given.items() if value} | {"way": way}


def _own(request: HttpRequest, text: str) -> Operation:
    """The creation of this id that the user asked for; 404 where there is none."""
    try:
        return Operation.objects.get(pk=UUID(text), action__in=CREATIONS, actor_id=request.user.pk)
    except (ValueError, Operation.DoesNotExist):
        raise Http404("You have not requested a new environment with this id.") from None


def _follow(request: HttpRequest, operation: Operation) -> HttpResponse:
    """Where the environment is, or what is known of it so far."""
    made = operation.environment_id
    environment = Environment.objects.filter(pk=made).first() if made else None
    if environment is None:
        context = {"operation": operation, "poll": "" if operation.closed_at else request.get_full_path()}
        return render_page(request, "environments/actions/created.html", "environments/actions/_created.html", context)
    return HttpResponseClientRedirect(page_of(environment)) if is_fragment(request) else redirect(page_of(environment))
