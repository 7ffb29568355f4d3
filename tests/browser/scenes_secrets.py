"""Scenes of secrets: their list, their forms, what is refused. See `tests.browser.scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.urls import reverse
from playwright.sync_api import Page, expect

from environments.models import Environment, Secret
from environments.models.secret_scope import ScopeKind

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
LIST = "/secrets/"


def empty(scene: type[Scene]) -> Iterator[Scene]:
    """Before the first sync."""
    yield scene("secrets-never-read", LIST)


def secrets(scene: type[Scene]) -> Iterator[Scene]:
    """Each page and form, of an organization that was read."""
    secret = Secret.objects.present().filter(scope_kind=ScopeKind.PROJECT, reach__gt=0).order_by("id")[0]
    environment = Environment.objects.present().filter(project_id=secret.scope_id).order_by("id")[0]
    page = reverse("environments:detail", args=[environment.pk])
    yield scene("secrets", LIST, ADMIN)
    yield scene("secrets-of-a-viewer", f"{LIST}?mount=file&q=-scope:organization")
    yield scene("secrets-nothing-matches", f"{LIST}?q=nothing-is-called-like-this&age=180&scope=galaxy", ADMIN)
    yield scene("secrets-card", f"{page}?tab=access", ADMIN)
    yield scene("secret-add", f"{LIST}add/", ADMIN)
    yield scene("secret-add-refused", reverse("environments:add-secret", args=[environment.pk]), ADMIN, then=_refused)
    yield scene("secret", reverse("secrets:secret", args=[secret.pk]), ADMIN)
    yield scene("secret-value", reverse("secrets:update", args=[secret.pk]), ADMIN)
    yield scene("secret-value-here", f"{page}?tab=access", ADMIN, then=lambda page: _open(page, secret))
    yield scene("secret-delete", reverse("secrets:delete", args=[secret.pk]), ADMIN)
    yield scene("secret-delete-here", reverse("environments:delete-secret", args=[environment.pk, secret.pk]), ADMIN)
    yield scene("secret-value-there", reverse("environments:update-secret", args=[environment.pk, secret.pk]), ADMIN)


def _refused(page: Page) -> None:
    page.get_by_label("file", exact=True).check()
    page.get_by_label("Path of the file").fill("relative/path")
    page.get_by_label("Name", exact=True).fill("my-key")
    page.get_by_label("Value", exact=True).fill("a value")
    page.get_by_label("Reason").fill("Rotation of the quarter")
    page.get_by_role("button", name="Add secret").click()
    expect(page.locator(".field-error").first).to_be_visible()


def _open(page: Page, secret: Secret) -> None:
    page.get_by_role("link", name=f"Rotate {secret.name}").first.click()
    expect(page.locator("#panel h2")).to_contain_text("Rotate")
    page.evaluate("window.scrollTo(0, 0)")
