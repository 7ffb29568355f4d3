"""What the four roles may do."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from portal.accounts.roles import READABLE_APPS, ROLES, grant_roles

OPERATE = {"environments.operate_environment", "automations.run_task", "automations.read_log"}
ADMINISTER = {
    "accounts.unshare_savedview",
    "environments.add_environment",
    "environments.change_environment",
    "environments.delete_environment",
    "environments.mint_environment_token",
}
EXPORT = {"environments.export_environment"}


def granted(role: str) -> set[str]:
    found = Group.objects.get(name=role).permissions.select_related("content_type")
    return {f"{p.content_type.app_label}.{p.codename}" for p in found}


@pytest.fixture
def views(db: None) -> set[str]:
    found = Permission.objects.filter(content_type__app_label__in=READABLE_APPS, codename__startswith="view_")
    return {f"{p.content_type.app_label}.{p.codename}" for p in found.select_related("content_type")}


def test_every_role_reads_every_table_of_the_cache(views: set[str]) -> None:
    assert "environments.view_transition" in views
    for role in ROLES:
        assert views <= granted(role), "a migration that adds a model has to call grant_roles"


def test_viewers_read_and_nothing_else(views: set[str]) -> None:
    assert granted("Viewer") == views


def test_operators_start_and_stop_and_run_tasks(views: set[str]) -> None:
    assert granted("Operator") - views == OPERATE


def test_admins_do_what_operators_do_and_edit_create_delete_mint_tokens_and_export(views: set[str]) -> None:
    rest = granted("Admin") - views
    assert rest >= OPERATE | ADMINISTER | EXPORT
    assert {name.partition(".")[0] for name in rest} == {
        "environments", "automations", "accounts", "ledger", "jobs", "outbox",
    }  # fmt: skip


def test_auditors_read_and_export(views: set[str]) -> None:
    assert granted("Auditor") - views == EXPORT | {
        "automations.read_log",
        "ledger.read_access_log",
        "accounts.see_people",
        "outbox.see_outbox",
    }


def test_every_permission_a_role_names_exists(db: None) -> None:
    for role, names in ROLES.items():
        assert set(names) <= granted(role)


def test_granting_again_adds_what_is_missing_and_takes_nothing_away(db: None) -> None:
    viewer = Group.objects.get(name="Viewer")
    before = granted("Viewer")
    viewer.permissions.remove(Permission.objects.get(codename="view_environment"))
    viewer.permissions.add(Permission.objects.get(codename="export_environment"))
    grant_roles(apps)
    assert granted("Viewer") == before | EXPORT
    assert Group.objects.filter(name__in=ROLES).count() == len(ROLES)
