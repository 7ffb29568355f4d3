"""Secrets of the organization, of projects and of people (SecretService). A value goes from the form to Ona and nowhere
else: `portal.ona.documents.tokens.Secret` keeps it from logs, and the ledger writes that it is not kept.

Each returns its operation, which says how it ended. PermissionDenied and ReasonMissing as
`environments.actions.execute.authorize`; Ona's errors do not escape: they are in the operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

import structlog
from django.db.models import Q
from django.utils import timezone

from environments.actions.execute import Change, NotPossible, execute
from environments.actions.forms.made_from import MadeFrom
from environments.actions.forms.moments import moment_words
from environments.actions.registry import Action, Danger, Verdict, always
from environments.models import Environment, Secret
from environments.models.secret_scope import Scope
from environments.secrets.forms import AddSecretForm, ValueForm
from environments.secrets.sync import read_scope
from environments.secrets.upsert import mark_deleted, merge_documents, refresh_names
from portal.directory.models import Organization
from portal.ledger import recording
from portal.ledger.models import Operation, OperationQuerySet
from portal.ledger.recording import RequestContext, Target
from portal.ona import OnaClient, OnaError
from portal.ona.documents import tokens
from portal.ona.documents.secrets import SecretDocument

log = structlog.get_logger()
NO_SCOPE = "Ona does not report this secret's scope, so the portal cannot follow it."
Documents = Sequence[SecretDocument]
Columns = dict[str, Any]


def create_secret(
    *,
    environment: Environment | None,
    scope: Scope,
    name: str,
    mount: Mapping[str, Any],
    credential_proxy: Mapping[str, Any] | None,
    value: tokens.Secret,
    **context: Unpack[RequestContext],
) -> Operation:
    """CreateSecret; `mount` and `credential_proxy` as in `OnaClient.create_secret`.

    `environment` is the one whose page it was asked for on, if any. The operation's `target_id` is the new secret's.
    """
    request = {"name": name, "scope": scope.message, **mount, "credentialProxy": credential_proxy, "value": value}

    def call(client: OnaClient) -> SecretDocument:
        return client.create_secret(name, value, scope=scope.message, mount=mount, credential_proxy=credential_proxy)

    def read_back(client: OnaClient, made: SecretDocument) -> Columns:
        merge_documents([made], timezone.now(), scope)
        documents = _read_back(client, scope) or [made]
        Secret.objects.filter(pk=made.id, uses=None).update(uses=0)  # no specification names it yet
        return {"target_id": made.id, "after": _named(documents, name)}

    change = Change(
        ADD_SECRET,
        Target("secret", None, name, environment.pk if environment else None),
        call,
        lambda client: _named(read_scope(client, scope), name),
        {key: each for key, each in request.items() if each is not None},
        read_back=read_back,
    )
    return execute(change, context)


def update_secret_value(
    *, secret: Secret, value: tokens.Secret, environment: Environment | None = None, **context: Unpack[RequestContext]
) -> Operation:
    """UpdateSecretValue: environments that run have the old value until their containers are built again."""
    scope = _scope(secret)
    change = Change(
        UPDATE_SECRET,
        _target(secret, environment),
        lambda client: client.update_secret_value(secret.pk, value),
        lambda client: _times(read_scope(client, scope), secret.pk),
        {"secretId": secret.pk, "value": value},
        read_back=lambda client, _: {"after": _times(_read_back(client, scope), secret.pk)},
    )
    return execute(change, context)


def delete_secret(
    *, secret: Secret, environment: Environment | None = None, **context: Unpack[RequestContext]
) -> Operation:
    """DeleteSecret, for ever; environments that run have it until their containers are built again."""
    scope = _scope(secret)

    def read_back(client: OnaClient, _: object) -> Columns:
        mark_deleted(secret.pk, timezone.now())
        _read_back(client, scope)
        return {}

    change = Change(
        DELETE_SECRET,
        _target(secret, environment),
        lambda client: client.delete_secret(secret.pk),
        lambda client: {"exists": secret.pk in _ids(read_scope(client, scope))},
        {"secretId": secret.pk},
        {"exists": False},
        read_back=read_back,
    )
    return execute(change, context)


def _target(secret: Secret, environment: Environment | None) -> Target:
    return Target("secret", secret.pk, str(secret), environment.pk if environment else None)


def _scope(secret: Secret) -> Scope:
    if secret.scope is None:
        raise NotPossible(NO_SCOPE)
    return secret.scope


def _read_back(client: OnaClient, scope: Scope) -> Documents:
    """The scope's secrets, so that pages show them at once; failing to read them leaves that to the next sync."""
    documents: Documents = []
    try:
        documents = read_scope(client, scope)
    except OnaError as error:
        log.warning("read-back failed", scope=str(scope), code=error.code)
    refresh_names()
    return documents


def _ids(documents: Documents) -> set[UUID]:
    return {document.id for document in documents}


def _named(documents: Documents, name: str) -> dict[str, Any]:
    """The ids of those of this name."""
    return {"idsOfThisName": sorted(str(document.id) for document in documents if document.name == name)}


def _times(documents: Documents, secret_id: UUID) -> dict[str, Any]:
    """When it last got a value."""
    times = [document.updated_at for document in documents if document.id == secret_id]
    return {"updatedAt": times[0]} if times else {}


# What a lost answer comes to: see `environments.actions.reconcile`.


def created(client: OnaClient, operation: Operation) -> tuple[Verdict, Mapping[str, Any]]:
    """Done, where the scope has, or had, a secret of that name that was not there before and that no other operation
    made; with its id. OnaError where the scope cannot be read."""
    scope = Scope.of_message(operation.request["scope"])
    if "idsOfThisName" not in operation.before:
        return Verdict.UNPROVEN, {}
    read_scope(client, scope)
    beside = Operation.objects.beside(operation)
    rivals = beside.filter(request__name=operation.request["name"], request__scope=scope.message)
    explained = set(rivals.filter(target_id__isnull=False).values_list("target_id", flat=True))
    since = Secret.objects.of_scope(scope).filter(
        Q(gone_at=None) | Q(gone_at__gte=operation.asked_at), name=operation.request["name"]
    )
    new = set(since.exclude(pk__in=operation.before["idsOfThisName"]).values_list("pk", flat=True)) - explained
    if not new:
        return Verdict.NOT_DONE, {}
    if len(new) > 1 or rivals.filter(target_id=None).exists():
        return Verdict.UNPROVEN, {}
    return Verdict.DONE, {"target_id": new.pop()}


def _updated(client: OnaClient, operation: Operation) -> Verdict:
    """By the time of its value, which every new value changes."""
    before = operation.before.get("updatedAt")
    documents = _documents(client, operation)
    if documents is None or not before:
        return Verdict.UNPROVEN
    times = recording.plain(_times(documents, _target_id(operation)))
    if not times:
        return Verdict.UNPROVEN
    if times["updatedAt"] == before:
        return Verdict.NOT_DONE
    return Verdict.UNPROVEN if _on_the_same(operation).exists() else Verdict.DONE


def _deleted(client: OnaClient, operation: Operation) -> Verdict:
    """By its absence from a listing of its scope."""
    documents = _documents(client, operation)
    if documents is None or not operation.before.get("exists"):
        return Verdict.UNPROVEN
    if _target_id(operation) in _ids(documents):
        return Verdict.NOT_DONE
    return Verdict.UNPROVEN if _on_the_same(operation).exists() else Verdict.DONE


def _documents(client: OnaClient, operation: Operation) -> Documents | None:
    """Those of the scope that the operation's secret is of; None where that is not known."""
    secret = Secret.objects.filter(pk=_target_id(operation)).first()
    return read_scope(client, secret.scope) if secret and secret.scope else None


def _target_id(operation: Operation) -> UUID:
    return UUID(str(operation.target_id))


def _on_the_same(operation: Operation) -> OperationQuerySet:
    return Operation.objects.beside(operation).filter(target_id=_target_id(operation))


def _value_words(values: Mapping[str, Any]) -> dict[str, str]:
    return {"Value": f"given {moment_words(values['updatedAt'])}" if "updatedAt" in values else "a new one, not shown"}


def _cannot_change(secret: Secret, organization: Organization | None, now: datetime) -> str:
    return "It is deleted: Ona no longer lists it." if secret.gone_at else ""


ADD_SECRET = Action(
    name="secret.create", label="Add secret", past="added", in_ledger="add secret",
    permission="environments.add_secret", do=create_secret, danger=Danger.REASON, form=AddSecretForm,
    impossible=always,
    template="environments/secrets/_add.html", tab="access", proof=created, is_sensitive=True,
)  # fmt: skip
UPDATE_SECRET = Action(
    name="secret.update_value", label="Rotate", past="rotated", in_ledger="rotate secret",
    permission="environments.change_secret", do=update_secret_value, subject="secret",
    danger=Danger.REASON, impossible=_cannot_change, form=ValueForm, template="environments/secrets/_value.html",
    made_from=MadeFrom(lambda secret: {"updatedAt": secret.updated_at}, _value_words),
    tab="access", proof=_updated, is_sensitive=True,
)  # fmt: skip
DELETE_SECRET = Action(
    name="secret.delete", label="Delete secret", past="deleted", in_ledger="delete secret",
    permission="environments.delete_secret", do=delete_secret, subject="secret",
    danger=Danger.TYPED_NAME, impossible=_cannot_change, template="environments/secrets/_delete.html", tab="access",
    proof=_deleted,
)  # fmt: skip
ACTIONS = (ADD_SECRET, UPDATE_SECRET, DELETE_SECRET)
