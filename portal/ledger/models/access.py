"""The access log: who came in or was refused, whose rights changed, and what was read and downloaded.

A row is written once: triggers refuse changes and deletion, and add it to the ledger's chain
(migrations/0011_access_log.py), so `verify_ledger` finds whatever a superuser of the database does to it.
"""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Cast, Concat

from portal.lists.folding import Folded

NEW_LINE = Value("\n", output_field=models.TextField())


class AccessKind(models.TextChoices):
    """What happened. The column has no choices, so that another kind needs no migration."""

    SIGNED_IN = "sign-in", "signed in"
    BREAK_GLASS_USED = "break-glass", "break-glass account used"
    REFUSED_SIGN_IN = "refused-sign-in", "sign-in refused"
    LOCKED_OUT = "lockout", "locked out"
    SIGNED_OUT = "sign-out", "signed out"
    LINK_MADE = "link-made", "sign-in link created"
    LINK_USED = "link-used", "sign-in link used"
    ROLES_CHANGED = "roles", "roles changed"
    ACCOUNT_CHANGED = "account", "account changed"
    REFUSED = "refused", "access refused"
    DOWNLOADED = "download", "downloaded"
    LOG_READ = "log", "log read"
    TOKEN_MADE = "token-made", "API token created"
    TOKEN_USED = "token-used", "API token used"
    TOKEN_REVOKED = "token-revoked", "API token revoked"
    DESTINATION_CHANGED = "destination", "destination changed"
    MESSAGE_CHANGED = "message", "message replayed or muted"
    FACTOR_ADDED = "factor-added", "second factor added"
    FACTOR_REMOVED = "factor-removed", "second factor removed"
    FACTOR_USED = "factor-used", "second factor used"
    FACTOR_REFUSED = "factor-refused", "second factor refused"
    CODES_MADE = "recovery-codes-made", "recovery codes created"
    RECOVERY_CODE_USED = "recovery-code-used", "recovery code used"


class AccessOutcome(models.TextChoices):
    ALLOWED = "allowed", "allowed"
    REFUSED = "refused", "refused"


class AccessEntryQuerySet(models.QuerySet["AccessEntry"]):
    """Questions about the access log."""

    def newest_first(self) -> Self:
        return self.order_by("-at", "-id")


class AccessEntry(models.Model):
    """One event. No foreign keys: it stays as it was when accounts and environments are deleted.

    `actor_name` of a refused sign-in is the name as typed, up to a bound; `actor_id` is then NULL. `subject` is what it
    was about: a person, an address of the portal, a log, a token's name and prefix. Passwords and tokens are never part
    of it, unless somebody types a password as a name.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField()
    kind = models.TextField()
    outcome = models.TextField(choices=AccessOutcome.choices)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.TextField(blank=True)
    # name and readable prefix of the portal's token that the request came with
    token = models.TextField(blank=True)
    # NULL and empty for a command
    address = models.GenericIPAddressField(null=True)
    browser = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    environment_id = models.UUIDField(null=True)
    # why it was refused
    why = models.TextField(blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    search = models.GeneratedField(
        expression=Folded(
            Concat(
                F("actor_name"), NEW_LINE, F("subject"), NEW_LINE, F("why"), NEW_LINE, F("token"), NEW_LINE,
                F("browser"), NEW_LINE, Cast("environment_id", models.TextField()),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip

    objects = AccessEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "access entries"
        # not "view": that is what every role may do (portal.accounts.roles)
        default_permissions = ()
        permissions = [("read_access_log", "Can read the access log")]
        indexes: ClassVar = [
            # the access log, newest first: portal.ledger.access_log.list
            models.Index(F("at").desc(), F("id").desc(), name="access_newest"),
            # one kind, ?kind=, and whether the same was recorded a moment ago: portal.ledger.access_log.recording
            models.Index(F("kind"), F("at").desc(), name="access_of_kind"),
            # one person: ?person=
            models.Index(F("actor_name"), F("at").desc(), name="access_of_actor"),
            # one address: ?address=
            models.Index(F("address"), F("at").desc(), name="access_of_address"),
            # words of the search box
            GinIndex(fields=["search"], opclasses=["gin_trgm_ops"], name="access_search"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor_name or 'nobody'} at {self.at:%Y-%m-%d %H:%M:%S}"
