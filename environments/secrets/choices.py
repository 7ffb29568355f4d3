"""Where a new secret can go, with whom it would reach there."""

from __future__ import annotations

from django.db.models import Count

from environments.models import Environment
from environments.models.secret_scope import Scope, ScopeKind
from environments.secrets.reach import reach, scopes_of
from portal.directory.models import Organization, Project

Choices = list[tuple[str, str]]


def for_environment(environment: Environment) -> Choices:
    """The scopes it lies in, the narrowest first, with how many other environments each takes in."""
    organization = Organization.objects.filter(pk__in=[environment.organization_id]).first()
    names = {
        ScopeKind.ORGANIZATION: f"the organization {organization or ''}".strip(),
        ScopeKind.PROJECT: f"the project {environment.project_name or environment.project_id}",
        ScopeKind.USER: f"its owner {environment.owner_name or environment.owner_email or environment.creator_id}",
        ScopeKind.SERVICE_ACCOUNT: f"its service account {environment.creator_id}",
    }
    scopes = sorted(scopes_of(environment), key=lambda scope: scope.kind is not ScopeKind.PROJECT)
    return [
        (str(scope), f"{names[scope.kind]}: {others(reach(scope, besides=environment).covered)}") for scope in scopes
    ]


def everywhere() -> Choices:
    """The organization and its projects, with how many environments each takes in; three queries."""
    grouped = Environment.objects.present().exclude(project_id=None).order_by().values_list("project_id")
    counts = dict(grouped.annotate(count=Count("*")))
    organizations = [
        (str(scope), f"the organization {organization}: {several(reach(scope).covered)}")
        for organization in Organization.objects.present()
        for scope in [Scope(ScopeKind.ORGANIZATION, organization.pk)]
    ]
    projects = Project.objects.present().order_by("name", "pk").only("name")
    return organizations + [
        (str(Scope(ScopeKind.PROJECT, project.pk)), f"{project}: {several(counts.get(project.pk, 0))}")
        for project in projects
    ]


def several(count: int) -> str:
    """ "12 environments"."""
    return f"{count:,} environment{'' if count == 1 else 's'}"


def others(count: int) -> str:
    """ "reaches 12 other environments too"."""
    if not count:
        return "reaches no other environment today"
    return f"reaches {count:,} other environment{'' if count == 1 else 's'} too"
