"""Labels of Ona's enum values other than phases (`portal.web.formatting`); newer values stay raw."""

from __future__ import annotations

ENUM_LABELS = {
    "ADMISSION_LEVEL_OWNER_ONLY": "owner only",
    "ADMISSION_LEVEL_EVERYONE": "everyone with the link",
    "ADMISSION_LEVEL_ORGANIZATION": "everyone in the organization",
    "ADMISSION_LEVEL_CREATOR_ONLY": "creator only",
    "BPF_DEBUG_LEVEL_INFO": "info",
    "BPF_DEBUG_LEVEL_VERBOSE": "verbose",
    "CHANGE_TYPE_ADDED": "added",
    "CHANGE_TYPE_MODIFIED": "modified",
    "CHANGE_TYPE_DELETED": "deleted",
    "CHANGE_TYPE_RENAMED": "renamed",
    "CHANGE_TYPE_COPIED": "copied",
    "CHANGE_TYPE_UPDATED_BUT_UNMERGED": "updated but unmerged",
    "CHANGE_TYPE_UNTRACKED": "untracked",
    "CLONE_TARGET_MODE_REMOTE_HEAD": "head of the remote",
    "CLONE_TARGET_MODE_REMOTE_COMMIT": "commit of the remote",
    "CLONE_TARGET_MODE_REMOTE_BRANCH": "branch of the remote",
    "CLONE_TARGET_MODE_LOCAL_BRANCH": "new local branch",
    "CLONE_TARGET_MODE_REMOTE_TAG": "tag of the remote",
    "ENVIRONMENT_ROLE_DEFAULT": "default",
    "ENVIRONMENT_ROLE_PREBUILD": "prebuild",
    "ENVIRONMENT_ROLE_WORKFLOW": "workflow",
    "KERNEL_CONTROLS_ACTION_BLOCK": "block",
    "KERNEL_CONTROLS_ACTION_AUDIT": "audit",
    "LIFECYCLE_STAGE_FULL": "full",
    "LIFECYCLE_STAGE_PREBUILD": "prebuild",
    "PRESENCE_ABSENT": "absent",
    "PRESENCE_DISCOVERED": "discovered in the repository",
    "PRESENCE_GENERATED": "generated",
    "PRESENCE_SPECIFIED": "specified",
    "PRINCIPAL_ACCOUNT": "account",
    "PRINCIPAL_USER": "user",
    "PRINCIPAL_RUNNER": "runner",
    "PRINCIPAL_ENVIRONMENT": "environment",
    "PRINCIPAL_SERVICE_ACCOUNT": "service account",
    "PRINCIPAL_RUNNER_MANAGER": "runner manager",
    "PROTOCOL_HTTP": "HTTP",
    "PROTOCOL_HTTPS": "HTTPS",
    "SCOPE_ORGANIZATION": "organization",
    "SCOPE_PROJECT": "project",
    "SCOPE_USER": "user",
    "SCOPE_SERVICE_ACCOUNT": "service account",
    "SCOPE_RUNNER": "runner",
    "STATUS_CODE_OK": "accepted",
    "STATUS_CODE_INVALID_RESOURCE": "refused: invalid resource",
    "STATUS_CODE_FAILED_PRECONDITION": "refused: failed precondition",
    "VETO_FILE_SURFACE_ACCESS": "access",
    "VETO_FILE_SURFACE_CONTENT_MUTATION": "content mutation",
    "VETO_FILE_SURFACE_CONTENT_READ": "content read",
}
TRIGGERS = {
    "manual": "manual",
    "postMachineStart": "after machine start",
    "postEnvironmentStart": "after environment start",
    "postDevcontainerStart": "after devcontainer start",
    "prebuild": "prebuild",
    "beforeSnapshot": "before snapshot",
}


def enum_label(value: str) -> str:
    """The label of `value`; empty if absent or unspecified, raw if newer than this list."""
    return "" if value.endswith("_UNSPECIFIED") else ENUM_LABELS.get(value, value)
