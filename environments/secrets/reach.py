"""Which environments a secret reaches, and which secrets an environment; from the cache only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Max, Q

from environments.models import Environment, EnvironmentQuerySet, Phase, Secret
from environments.models.secret import SecretQuerySet
from environments.models.secret_scope import Scope, ScopeKind
from portal.directory.models import Organization, Project

SERVICE_ACCOUNT = "PRINCIPAL_SERVICE_ACCOUNT"
Choices = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reach:
    """How many present environments a scope includes (`covered`) and how many use the secret (`uses`), without the
    environment whose page is shown. `uses` is None for a new secret.
    """

    covered: int
    uses: int | None = None


def environments_in_scope(scope: Scope) -> EnvironmentQuerySet:
    """The present environments in `scope`."""
    environments = Environment.objects.present()
    match scope.kind:
        case ScopeKind.ORGANIZATION:
            return environments
        case ScopeKind.PROJECT:
            return environments.filter(project_id=scope.id)
    return environments.filter(creator_id=scope.id)


def environments_using(secret_id: UUID) -> EnvironmentQuerySet:
    """The present environments whose specification includes the secret."""
    return Environment.objects.present().filter(spec__contains={"secrets": [{"id": str(secret_id)}]})


def environments_with_old_value(secret: Secret) -> EnvironmentQuerySet:
    """Those that run and were started before its value was last set, unless Ona has reported them in sync since."""
    before = Q(last_started_at=None) | Q(last_started_at__lt=secret.updated_at)
    if secret.updated_at is None:
        return environments_using(secret.pk).none()
    # seen by the portal's clock, which may be ahead of Ona's: so after it learned of the value, too
    known_at = max(secret.updated_at, secret.changed_at)
    in_sync = Q(secrets_in_sync=True, secrets_in_sync__isnull=False, sighting__seen_at__gt=known_at)
    running = environments_using(secret.pk).filter(phase=Phase.RUNNING)
    return running.filter(before).exclude(in_sync)


def reach(scope: Scope | None, secret: Secret | None = None, *, besides: Environment | None = None) -> Reach:
    """The reach of a secret of `scope`, not counting `besides`; two counts."""
    excluded = [besides.pk] if besides else []
    covered = environments_in_scope(scope).exclude(pk__in=excluded).count() if scope else 0
    uses = environments_using(secret.pk).exclude(pk__in=excluded).count() if secret else None
    return Reach(covered, uses)


def scopes_of(environment: Environment) -> list[Scope]:
    """The scopes that an environment is in, widest first."""
    personal = ScopeKind.SERVICE_ACCOUNT if environment.creator_principal == SERVICE_ACCOUNT else ScopeKind.USER
    pairs = (
        (ScopeKind.ORGANIZATION, environment.organization_id),
        (ScopeKind.PROJECT, environment.project_id),
        (personal, environment.creator_id),
    )
    return [Scope(kind, id_) for kind, id_ in pairs if id_]


def secrets_for(environment: Environment) -> SecretQuerySet:
    """The secrets whose scope includes the environment, mounted or not."""
    return Secret.objects.present().of_scopes(scopes_of(environment))


def scope_choices_of(environment: Environment) -> Choices:
    """Choices of the scopes that an environment is in, narrowest first, with how many others each reaches."""
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


def scope_choices() -> Choices:
    """Choices of the organization and its projects, with the environments in each; three queries."""
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
    """ "available to 12 other environments"."""
    if not count:
        return "available to no other environment today"
    return f"available to {count:,} other environment{'' if count == 1 else 's'}"


def change_token() -> str:
    """Changes with any change of the secrets; one query over an index."""
    newest = Secret.objects.aggregate(newest=Max("changed_at"), count=Count("*"))
    return f"{newest['newest'].timestamp():.6f}-{newest['count']}" if newest["newest"] else "0"
