"""The four roles: groups of users, and what each may do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management import create_permissions

# Apps whose rows every role may read: the cache, the ledger, and saved views, which are kept by whoever may read them.
READABLE_APPS = ("environments", "automations", "directory", "ledger", "accounts")

OPERATE = ("environments.operate_environment", "automations.run_task", "automations.read_log")
ADMINISTER = (
    "environments.add_environment",
    "environments.change_environment",
    "environments.delete_environment",
    "environments.mint_environment_token",
    *(f"environments.{verb}_secret" for verb in ("add", "change", "delete")),
    *(f"automations.{verb}_{thing}" for verb in ("add", "change", "delete") for thing in ("service", "task")),
    "accounts.unshare_savedview",
)
EXPORT = ("environments.export_environment",)

# Each role reads everything; this is what it may do besides.
ROLES: dict[str, tuple[str, ...]] = {
    "Viewer": (),
    "Operator": OPERATE,
    "Admin": (*OPERATE, *ADMINISTER, *EXPORT),
    "Auditor": (*EXPORT, "automations.read_log"),
}


def grant_roles(apps: Any) -> None:
    """Make the groups and give each what its role names; safe to run again.

    For migrations: `apps` is the registry that RunPython hands over. A migration that brings a new model or permission
    adds the permission to ROLES and calls this. Nothing is taken away, so that what an administrator of the portal
    granted by hand stays.
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
    """Django makes permissions after the last migration; groups need them before."""
    for label in READABLE_APPS:
        if label not in apps.app_configs:
            continue  # a migration from before there was such an app
        config = apps.get_app_config(label)
        if not hasattr(config, "models_module"):  # a migration's registry leaves it out, create_permissions asks for it
            config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)


def _views(known: dict[str, Any]) -> list[str]:
    prefixes = tuple(f"{label}.view_" for label in READABLE_APPS)
    return [name for name in known if name.startswith(prefixes)]
