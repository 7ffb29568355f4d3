"""Ona's documents: parsed strictly where used, leniently otherwise; the bytes are always preserved."""

from .audit import AuditEntry
from .automations import ServiceDocument, TaskDocument, TaskExecutionDocument
from .directory import EnvironmentClass, Identity, Member, Organization, Policies, Project, Runner
from .environments import (
    EnvironmentDocument,
    EnvironmentPage,
    MetadataHead,
    Observation,
    SpecHead,
    StatusHead,
    read_environment,
)
from .pages import Malformed, Page, Part
from .secrets import SecretDocument, read_secret
from .tokens import Secret
from .values import Duration, duration_text, storable, timestamp_text

__all__ = [
    "AuditEntry",
    "Duration",
    "EnvironmentClass",
    "EnvironmentDocument",
    "EnvironmentPage",
    "Identity",
    "Malformed",
    "Member",
    "MetadataHead",
    "Observation",
    "Organization",
    "Page",
    "Part",
    "Policies",
    "Project",
    "Runner",
    "Secret",
    "SecretDocument",
    "ServiceDocument",
    "SpecHead",
    "StatusHead",
    "TaskDocument",
    "TaskExecutionDocument",
    "duration_text",
    "read_environment",
    "read_secret",
    "storable",
    "timestamp_text",
]
