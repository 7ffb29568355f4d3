"""Who may use each operation of the REST API, as its schema tells: the roles with its permissions; how to sign in."""

from __future__ import annotations

from typing import Any

from portal.accounts.roles import READABLE_APPS, ROLES

SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token, from the page of your account."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "portal_session",
        "description": "With X-CSRFToken. Over https its name begins with __Host-.",
    },
}


def describe_access(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook, after everything else."""
    result["components"]["securitySchemes"] = SCHEMES
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["security"] = [{name: []} for name in SCHEMES]
            names = operation.get("x-permissions", [])
            operation["description"] += f"\n\nRoles: {', '.join(roles_with(names))}."
    return result


def roles_with(names: list[str]) -> list[str]:
    """The roles that have all of these permissions, as they are granted by migrations."""
    return [role for role, granted in ROLES.items() if all(name in granted or _is_read_by_all(name) for name in names)]


def _is_read_by_all(name: str) -> bool:
    app, _, code = name.partition(".")
    return app in READABLE_APPS and code.startswith("view_")
