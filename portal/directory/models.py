"""The directory: the organization, its policies, members, projects, runners, environment classes; the own token."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import F

SERVICE_ACCOUNT = "PRINCIPAL_SERVICE_ACCOUNT"


class EntryQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def present(self) -> Self:
        return self.filter(gone_at=None)


class Entry(models.Model):
    """A named row of the organization. Rows that Ona no longer lists remain, so that their names stay known."""

    id = models.UUIDField(primary_key=True, editable=False)
    name = models.TextField(blank=True, default="")
    document = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name or str(self.id)


class Policies(models.Model):
    """The policies of an organization (OrganizationService.GetOrganizationPolicies), as a document and as columns.

    NULL: the policy is not set; zero durations mean "no limit" or "never", as at Ona.
    """

    policies = models.JSONField(default=dict)
    maximum_environment_timeout = models.DurationField(null=True)
    maximum_environment_lifetime = models.DurationField(null=True)
    maximum_environment_lifetime_strict = models.BooleanField(default=False)
    archive_environments_after = models.DurationField(null=True)
    delete_archived_environments_after = models.DurationField(null=True)
    port_sharing_disabled = models.BooleanField(default=False)
    max_port_admission_level = models.TextField(blank=True, default="")

    class Meta:
        abstract = True


class Organization(Entry, Policies):
    """The token's organization (OrganizationService.GetOrganization), with its policies as last read."""

    tier = models.TextField(blank=True, default="")
    policies_seen_at = models.DateTimeField(null=True)


class PolicyVersion(Policies):
    """A version of the policies, created after `old_seen_at` and by `seen_at`. The first has no `old_seen_at`."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    old_seen_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    objects: ClassVar[models.Manager[PolicyVersion]] = models.Manager()

    class Meta:
        indexes: ClassVar = [
            # an organization's policies over time, newest first: environments.policies.policy, portal.directory.sync
            models.Index(F("organization"), F("seen_at").desc(), F("id").desc(), name="policyversion_newest"),
        ]

    def __str__(self) -> str:
        return f"policies from {self.seen_at:%Y-%m-%d %H:%M:%S}"


class Member(Entry):
    """A person of the organization (OrganizationService.ListMembers)."""

    email = models.TextField(blank=True, default="")
    role = models.TextField(blank=True, default="")
    status = models.TextField(blank=True, default="")
    avatar_url = models.TextField(blank=True, default="")
    member_since = models.DateTimeField(null=True)


class Project(Entry):
    """A project (ProjectService.ListProjects); `repository` is the first one it initializes from."""

    repository = models.TextField(blank=True, default="")


class Runner(Entry):
    """A runner (RunnerService.ListRunners)."""

    kind = models.TextField(blank=True, default="")
    provider = models.TextField(blank=True, default="")
    phase = models.TextField(blank=True, default="")
    region = models.TextField(blank=True, default="")
    version = models.TextField(blank=True, default="")
    message = models.TextField(blank=True, default="")


class EnvironmentClass(Entry):
    """A kind of machine (EnvironmentService.ListEnvironmentClasses); `name` is its display name."""

    description = models.TextField(blank=True, default="")
    runner_id = models.UUIDField(null=True)
    enabled = models.BooleanField(default=False)


class OwnToken(models.Model):
    """What Ona tells of the portal's token (see portal.directory.own_token); one row. `digest` is keyed.

    NULL: not known. `is_certain`: not if the owner has several tokens that it can be.
    """

    digest = models.TextField(primary_key=True, editable=False)
    principal = models.TextField(blank=True, default="")
    subject_id = models.UUIDField(null=True)
    owner = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    is_read_only = models.BooleanField(null=True)
    expires_at = models.DateTimeField(null=True)
    is_certain = models.BooleanField(default=False)
    read_at = models.DateTimeField()

    objects: ClassVar[models.Manager[OwnToken]] = models.Manager()

    def __str__(self) -> str:
        return f"token of {self.owner or self.subject_id}"

    @property
    def kind(self) -> str:
        """Of its owner, as Ona calls it: "user", "service account", …"""
        return self.principal.removeprefix("PRINCIPAL_").lower().replace("_", " ") or "unknown principal"

    @property
    def is_of_service_account(self) -> bool:
        return self.principal == SERVICE_ACCOUNT
