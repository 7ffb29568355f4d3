"""Which environments a secret reaches, and which secrets an environment; all of it from the cache."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Max

from environments.models import Environment, EnvironmentQuerySet, Secret
from environments.models.secret import SecretQuerySet
from environments.models.secret_scope import Scope, ScopeKind

SERVICE_ACCOUNT = "PRINCIPAL_SERVICE_ACCOUNT"


@dataclass(frozen=True, slots=True)
class Reach:
    """How many present environments a scope takes in, and how many name the secret; one environment left out of both
    where it is looked at from that one's page. `uses` is None for a secret that is yet to be made."""

    covered: int
    uses: int | None = None


def covered_by(scope: Scope) -> EnvironmentQuerySet:
    """The present environments that secrets of `scope` are for."""
    environments = Environment.objects.present()
    match scope.kind:
        case ScopeKind.ORGANIZATION:
            return environments
        case ScopeKind.PROJECT:
            return environments.filter(project_id=scope.id)
    return environments.filter(creator_id=scope.id)


def naming(secret_id: UUID) -> EnvironmentQuerySet:
    """The present environments whose specification names the secret."""
    return Environment.objects.present().filter(spec__contains={"secrets": [{"id": str(secret_id)}]})


def reach(scope: Scope | None, secret: Secret | None = None, *, besides: Environment | None = None) -> Reach:
    """Whom a secret of `scope` reaches, `besides` one environment; two counts."""
    nobody = [besides.pk] if besides else []
    covered = covered_by(scope).exclude(pk__in=nobody).count() if scope else 0
    uses = naming(secret.pk).exclude(pk__in=nobody).count() if secret else None
    return Reach(covered, uses)


def scopes_of(environment: Environment) -> list[Scope]:
    """The scopes whose secrets are for it, the widest first."""
    personal = ScopeKind.SERVICE_ACCOUNT if environment.creator_principal == SERVICE_ACCOUNT else ScopeKind.USER
    pairs = (
        (ScopeKind.ORGANIZATION, environment.organization_id),
        (ScopeKind.PROJECT, environment.project_id),
        (personal, environment.creator_id),
    )
    return [Scope(kind, id_) for kind, id_ in pairs if id_]


def secrets_for(environment: Environment) -> SecretQuerySet:
    """The secrets whose scope takes it in, whether or not it has them."""
    return Secret.objects.present().of_scopes(scopes_of(environment))


def revision() -> str:
    """A text that is another one after any change of the secrets; one query over an index."""
    found = Secret.objects.aggregate(newest=Max("changed_at"), count=Count("*"))
    return f"{found['newest'].timestamp():.6f}-{found['count']}" if found["newest"] else "0"
