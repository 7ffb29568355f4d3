"""The kernel controls in an environment's document. Pure; odd documents never raise."""

from __future__ import annotations

from dataclasses import dataclass

from environments.detail.fields import NOT_SET, Fact
from environments.documents.json_part import Document, Part
from portal.web.enum_labels import enum_label


@dataclass(frozen=True, slots=True)
class FileRule:
    path: str
    surface: str
    effect: str
    tracked: bool | None


def exec_controls(document: Document) -> list[Fact]:
    """The programs that the kernel blocks (`Veto.Exec`); empty if there is no such policy."""
    rule = document.spec.part("kernelControlsConfig").part("veto").part("exec")
    if not rule.known:
        return []
    return [
        Fact("Enabled", rule.flag("enabled"), "flag"),
        Fact("Action", enum_label(rule.text("action")), absent=NOT_SET),
        Fact("Denied programs", rule.texts("denylist"), "list", "none listed"),
        Fact("Resolve bare names", rule.flag("resolveBareNames"), "flag"),
        Fact("Untouchable", rule.flag("untouchable"), "flag"),
        Fact("Watch", rule.flag("watch"), "flag"),
        Fact("Deny block devices", rule.flag("denyBlockDevices"), "flag"),
    ]


def file_controls(document: Document) -> tuple[list[Fact], list[FileRule]]:
    """The files that the kernel protects (`Veto.File`): the policy, and its rules by path."""
    rule = document.spec.part("kernelControlsConfig").part("veto").part("file")
    if not rule.known:
        return [], []
    paths, devices, supervisor = rule.part("paths"), rule.part("blockDevices"), rule.part("supervisorProtection")
    facts = [
        Fact("Enabled", rule.flag("enabled"), "flag"),
        Fact("Default surface", enum_label(paths.text("defaultSurface")), absent=NOT_SET),
        Fact("Default effect", enum_label(paths.text("defaultEffect")), absent=NOT_SET),
        Fact("Block devices guarded", devices.flag("enabled"), "flag"),
        Fact("Block devices action", enum_label(devices.text("action")), absent=NOT_SET),
        Fact("Supervisor protected", supervisor.flag("enabled") if "enabled" in supervisor else None, "flag", NOT_SET),
        Fact("Supervisor effect", enum_label(supervisor.text("effect")), absent=NOT_SET),
    ]
    return facts, [_file_rule(entry) for entry in paths.parts("entries")]


def _file_rule(entry: Part) -> FileRule:
    surface, effect = enum_label(entry.text("surface")), enum_label(entry.text("effect"))
    return FileRule(entry.text("path"), surface, effect, entry.flag("trackChanges"))


def kernel(document: Document) -> list[Fact]:
    config = document.spec.part("kernelControlsConfig")
    return [
        Fact("Security policy id", document.spec.text("securityPolicyId"), "code", NOT_SET),
        Fact("BPF debug level", enum_label(config.text("bpfDebugLevel")), absent=NOT_SET),
    ]
