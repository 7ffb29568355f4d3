"""The four roles: groups of users and their permissions."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management import create_permissions

# Apps that every role may read: the cache, the ledger, saved views, and the background jobs of their own.
READABLE_APPS = ("environments", "automations", "directory", "ledger", "accounts", "jobs", "outbox")

OPERATE = ("environments.operate_environment", "automations.run_task", "automations.read_log")
ADMINISTER = (
    "environments.add_environment",
    "environments.change_environment",
    "environments.delete_environment",
    "environments.mint_environment_token",
    *(f"environments.{verb}_secret" for verb in ("add", "change", "delete")),
    *(f"automations.{verb}_{thing}" for verb in ("add", "change", "delete") for thing in ("service", "task")),
    "accounts.unshare_savedview",
    "accounts.revoke_apitoken",
    "accounts.manage_people",
    "jobs.oversee_jobs",
    "outbox.manage_destinations",
)
EXPORT = ("environments.export_environment",)
OVERSEE = ("ledger.read_access_log", "accounts.see_people", "outbox.see_outbox")

# Permissions of each role besides reading.
ROLES: dict[str, tuple[str, ...]] = {
    "Viewer": (),
    "Operator": OPERATE,
    "Admin": (*OPERATE, *ADMINISTER, *EXPORT, *OVERSEE),
    "Auditor": (*EXPORT, *OVERSEE, "automations.read_log"),
}

# The same in plain words.
MEANINGS = {
    "Viewer": "Sees environments, automations, secret names, operations and audits. Changes nothing, reads no logs.",
    "Operator": "Like a viewer, and also starts, stops and keeps environments awake, runs tasks and reads logs.",
    "Admin": "Like an operator, and also creates, edits, archives and deletes environments, secrets and automations, "
    "exports, reads the access log, and manages people and destinations.",
    "Auditor": "Like a viewer, and also reads logs and the access log, sees people and the outbox, exports and creates "
    "evidence packs. Changes nothing.",
}

# What reads, besides the permissions to view: read-only tokens have these of their role.
READING = (*EXPORT, *OVERSEE, "automations.read_log")


def is_reading(name: str) -> bool:
    """Whether a permission changes nothing."""
    return name in READING or name.partition(".")[2].startswith("view_")


def grant_roles(apps: Any) -> None:
    """Create the groups and grant the permissions of their roles; idempotent.

    For migrations: `apps` is the registry from RunPython. A migration with a new model or permission adds it to ROLES
    and calls this. Nothing is revoked, so that manual grants stay.
    """
    _make_permissions(apps)
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    known = {
        f"{p.content_type.app_label}.{p.codename}": p for p in permission_model.objects.select_related("content_type")
    }
    for role, names in ROLES.items():
        group, _ = group_model.objects.get_or_create(name=role)
        group.permissions.add(*(known[name] for name in [*_views(known), *names] if name in known))


def _make_permissions(apps: Any) -> None:
    """Django creates permissions after the last migration, but groups need them before."""
    for label in READABLE_APPS:
        if label not in apps.app_configs:
            continue  # a migration older than the app
        config = apps.get_app_config(label)
        if not hasattr(config, "models_module"):  # absent in a migration's registry, but create_permissions requires it
            config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)


def _views(known: dict[str, Any]) -> list[str]:
    prefixes = tuple(f"{label}.view_" for label in READABLE_APPS)
    return [name for name in known if name.startswith(prefixes)]
