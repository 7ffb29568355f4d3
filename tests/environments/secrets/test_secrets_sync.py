"""The cache of secrets, read from the stand-in Ona."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from environments.models import Environment, Secret, SyncRun
from environments.models.secret_scope import Scope, ScopeKind
from environments.secrets.reach import environments_in_scope, environments_using, reach, scopes_of, secrets_for
from environments.secrets.sync import read_scope, sync_secrets
from environments.secrets.upsert import count_environments, merge_documents
from portal.directory import connection
from portal.directory.connection import ona
from portal.directory.models import Project
from portal.ona import errors
from portal.ona.documents.secrets import SecretDocument, read_secret
from portal.sandbox.server import Sandbox
from tests.support import factories

pytestmark = pytest.mark.django_db
GOOD = SyncRun.State.SUCCEEDED


@pytest.fixture
def cached(ona_read: Sandbox) -> Sandbox:
    """An organization that has been read once."""
    assert {run.state for run in SyncRun.objects.all()} == {GOOD}
    return ona_read


def synced() -> SyncRun:
    run = sync_secrets(ona())
    assert run is not None
    return run


def document(**fields: Any) -> SecretDocument:
    return read_secret(msgspec.json.encode({"id": str(uuid.uuid4()), "name": "KEY", **fields}))


def of_project() -> Secret:
    return Secret.objects.filter(scope_kind=ScopeKind.PROJECT).order_by("id")[0]


def test_every_secret_of_every_scope_is_cached_without_its_value(cached: Sandbox) -> None:
    at_ona = {entry.document()["id"]: entry.document() for entry in cached.world.secrets.entries.values()}
    rows = {str(secret.pk): secret for secret in Secret.objects.all()}
    assert {secret.scope_kind for secret in rows.values()} >= {"organization", "project", "user"}
    # those of service accounts that made no environment cannot be found: nothing lists service accounts
    assert {id_ for id_, each in at_ona.items() if "serviceAccountId" not in each["scope"]} <= set(rows)
    for id_, secret in rows.items():
        assert secret.name == at_ona[id_]["name"]
        assert secret.scope is not None
        assert secret.scope.message == at_ona[id_]["scope"]
        assert "value" not in secret.document
        assert secret.mount_kind
        assert secret.updated_at


def test_names_and_counts_are_those_of_the_cache(cached: Sandbox) -> None:
    for secret in Secret.objects.all():
        assert secret.scope is not None
        assert secret.reach == environments_in_scope(secret.scope).count()
        assert secret.uses == environments_using(secret.pk).count()
        found = reach(secret.scope, secret)
        assert (found.covered, found.uses) == (secret.reach, secret.uses)
    assert of_project().scope_name == Project.objects.get(pk=of_project().scope_id).name
    assert any(secret.uses for secret in Secret.objects.all())


def test_an_environment_is_reached_by_the_scopes_it_lies_in(cached: Sandbox) -> None:
    environment = Environment.objects.exclude(project_id=None).order_by("id")[0]
    found = {str(scope) for scope in scopes_of(environment)}
    assert f"project:{environment.project_id}" in found
    assert {str(secret.scope) for secret in secrets_for(environment)} <= found
    secret = secrets_for(environment).first()
    assert secret
    alone = reach(secret.scope, secret, besides=environment)
    assert alone.covered == (secret.reach or 0) - 1


def test_a_second_sync_changes_nothing(cached: Sandbox) -> None:
    before = list(Secret.objects.order_by("id").values_list("id", "changed_at"))
    run = synced()
    assert (run.changed, run.gone, run.listed) == (0, 0, len(before))
    assert list(Secret.objects.order_by("id").values_list("id", "changed_at")) == before


def test_a_deleted_secret_is_gone_after_a_clean_listing(cached: Sandbox) -> None:
    secret = of_project()
    ona().delete_secret(secret.pk)
    assert synced().gone == 1
    secret.refresh_from_db()
    assert secret.gone_at
    assert synced().gone == 0


def test_a_listing_that_failed_makes_nothing_gone(cached: Sandbox) -> None:
    ona().delete_secret(of_project().pk)
    cached.faults.inject("error500", times=10_000, rpc="ListSecrets")
    assert synced().state == SyncRun.State.FAILED
    assert not Secret.objects.exclude(gone_at=None).exists()


def test_one_scope_is_read_by_itself(cached: Sandbox) -> None:
    secret = of_project()
    assert secret.scope
    ona().delete_secret(secret.pk)
    assert secret.pk not in {each.id for each in read_scope(ona(), secret.scope)}
    assert set(Secret.objects.exclude(gone_at=None)) == {secret}


def test_scopes_the_token_may_not_see_are_noted_and_stay_as_they_were(cached: Sandbox, settings: Any) -> None:
    known = Secret.objects.filter(scope_kind=ScopeKind.USER).count()
    assert known > 1
    settings.ONA_API_KEY = f"{cached.token}-member"
    connection._client.cache_clear()
    run = synced()
    assert run.state == GOOD
    assert "may not see the secrets of" in run.error
    assert Secret.objects.filter(scope_kind=ScopeKind.USER, gone_at=None).count() == known


def test_without_a_directory_the_run_says_so(sandbox: Sandbox) -> None:
    run = synced()
    assert run.state == SyncRun.State.FAILED
    assert "directory" in run.error


def test_a_scope_that_ona_no_longer_knows_has_no_secrets(cached: Sandbox) -> None:
    scope = Scope(ScopeKind.PROJECT, uuid.uuid4())
    merge_documents([document(scope=scope.message)], timezone.now() - timedelta(minutes=1))
    assert synced().gone == 1


def test_a_late_listing_does_not_bring_back_what_was_found_gone() -> None:
    scope, now = Scope(ScopeKind.PROJECT, uuid.uuid4()), timezone.now()
    secret = document(scope=scope.message)
    merge_documents([secret], now - timedelta(minutes=2))
    Secret.objects.update(gone_at=now)
    merge_documents([secret], now - timedelta(seconds=1))
    assert Secret.objects.get().gone_at
    merge_documents([secret], now + timedelta(seconds=1))
    assert Secret.objects.get().gone_at is None


def test_an_older_listing_does_not_overwrite_a_newer_one() -> None:
    now, id_ = timezone.now(), str(uuid.uuid4())
    merge_documents([document(id=id_, name="NEW")], now)
    merge_documents([document(id=id_, name="OLD")], now - timedelta(seconds=1))
    assert Secret.objects.get().name == "NEW"


def test_odd_documents_do_not_stop_the_others() -> None:
    good = document(name="GOOD")
    odd = document(name="a\0b", newField={"x": [1]}, credentialProxy={"targetHosts": ["a\0"], "header": "h"})
    assert merge_documents([odd, good], timezone.now()) == 0
    assert {secret.name for secret in Secret.objects.all()} == {"a\ufffdb", "GOOD"}
    assert Secret.objects.get(name="a\ufffdb").scope is None


def test_specifications_of_another_shape_count_as_naming_nothing() -> None:
    scope, now = Scope(ScopeKind.PROJECT, uuid.uuid4()), timezone.now()
    secret = document(scope=scope.message)
    merge_documents([secret], now)
    for spec in (
        {"secrets": "x"},
        {"secrets": [1, None, {"id": 5}, []]},
        {},
        {"secrets": [{"id": str(secret.id)}] * 2},
    ):
        factories.environment(spec=spec, project_id=scope.id)
    count_environments()
    row = Secret.objects.get()
    assert (row.uses, row.reach) == (1, 4)


def test_the_directory_is_written_to_rows_when_a_name_changes(cached: Sandbox) -> None:
    secret = of_project()
    Project.objects.filter(pk=secret.scope_id).update(name="another name")
    count_environments()
    secret.refresh_from_db()
    assert secret.scope_name == "another name"
    assert "another name" in secret.search


def test_a_scope_that_may_not_be_read_is_an_error_where_one_is_asked_for(cached: Sandbox) -> None:
    cached.faults.inject("error500", times=10_000, rpc="ListSecrets")
    with pytest.raises(errors.OnaError):
        read_scope(ona(), Scope(ScopeKind.PROJECT, uuid.uuid4()))
