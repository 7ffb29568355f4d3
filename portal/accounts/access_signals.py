"""What the access log learns from Django's signals: sign-ins, and changes of accounts, roles and rights by requests.

Whichever page makes them, `/admin/` included, they are recorded. Commands and jobs record what they change themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest

from portal.accounts.break_glass import ELSEWHERE, is_break_glass, may_use_password
from portal.ledger.access_log.recording import REPEATED, record_access
from portal.ledger.models import AccessKind
from portal.web.network import current_request

COLUMNS = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
HELD = {  # by the table that holds it: the attribute, and what it is called
    User.groups.through: ("groups", "roles"),
    User.user_permissions.through: ("user_permissions", "permissions"),
    Group.permissions.through: ("permissions", "permissions"),
}
Holder = User | Group


def connect() -> None:
    """Once, when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid=__name__)
    user_logged_out.connect(_signed_out, dispatch_uid=__name__)
    user_login_failed.connect(_refused, dispatch_uid=__name__)
    user_locked_out.connect(_locked_out, dispatch_uid=__name__)
    pre_save.connect(_before_saving, sender=User, dispatch_uid=__name__)
    post_save.connect(_saved, sender=User, dispatch_uid=__name__)
    post_delete.connect(_deleted, sender=User, dispatch_uid=__name__)
    for table in HELD:
        m2m_changed.connect(_rights_changed, sender=table, dispatch_uid=__name__)


def requester() -> User | None:
    """Who makes the request that is being answered; None if nobody is signed in, and for commands."""
    user = getattr(current_request(), "user", None)
    return user if user is not None and user.is_authenticated else None


def _signed_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    kind = AccessKind.BREAK_GLASS_USED if is_break_glass(user) else AccessKind.SIGNED_IN
    record_access(kind, actor=user, request=request)


def _signed_out(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        record_access(AccessKind.SIGNED_OUT, actor=user, request=request)


def _refused(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    name = str(credentials.get("username") or "")
    is_locked = getattr(request, "axes_locked_out", False)
    record_access(
        AccessKind.REFUSED_SIGN_IN, request=request, typed_name=name,
        refused_because="Locked out." if is_locked else _why(name), once_within=REPEATED if is_locked else None,
    )  # fmt: skip


def _why(name: str) -> str:
    user = None if "\0" in name else User.objects.filter(username=name).first()
    if user is None:
        return "There is no account of this name."
    if not may_use_password(user):
        return ELSEWHERE
    return "Wrong password." if user.is_active else "The account is deactivated."


def _locked_out(sender: Any, request: HttpRequest, username: str | None, **_: Any) -> None:
    record_access(
        AccessKind.LOCKED_OUT, request=request, typed_name=username or "",
        once_within=timedelta(hours=settings.AXES_COOLOFF_TIME), refused_because="Too many wrong passwords or codes.",
    )  # fmt: skip


def _before_saving(sender: Any, instance: User, raw: bool = False, update_fields: Any = None, **_: Any) -> None:
    """Read what the account was; not for what changes at each sign-in alone."""
    is_about = update_fields is None or {*COLUMNS, "password"}.intersection(update_fields)
    if current_request() is not None and is_about and instance.pk and not raw:
        instance._was = User.objects.filter(pk=instance.pk).first()  # type: ignore[attr-defined]


def _saved(sender: Any, instance: User, created: bool, raw: bool = False, **_: Any) -> None:
    was: User | None = instance.__dict__.pop("_was", None)
    if current_request() is not None and not raw and (was or created):
        record_account(was, instance)


def _deleted(sender: Any, instance: User, **_: Any) -> None:
    if current_request() is not None:
        record_account(instance, None)


def record_account(was: User | None, now: User | None, *, actor: User | None = None) -> None:
    """Record what of an account differs: one that was made (`was` is None), changed, or deleted (`now` is None).

    `actor` is by default who makes the request.
    """
    before, after = _columns(was), _columns(now)
    names = [name for name in COLUMNS if before.get(name) != after.get(name)]
    before, after = ({name: of[name] for name in names if name in of} for of in (before, after))
    if was and now and was.password != now.password:
        after["password_changed"] = True
    about = now or was
    if about and (before or after):
        record_access(
            AccessKind.ACCOUNT_CHANGED, actor=actor or requester(), subject=about.get_username(), before=before,
            after=after,
        )  # fmt: skip


def record_roles(
    about: Holder, what: str, before: Iterable[str], after: Iterable[str], *, actor: User | None = None
) -> None:
    """Record that somebody has other roles or permissions, or a role other permissions."""
    subject = about.get_username() if isinstance(about, User) else f"role {about.name}"
    record_access(
        AccessKind.ROLES_CHANGED, actor=actor or requester(), subject=subject,
        before={what: sorted(before)}, after={what: sorted(after)},
    )  # fmt: skip


def _columns(user: User | None) -> dict[str, Any]:
    return {name: getattr(user, name) for name in COLUMNS} if user else {}


def _rights_changed(sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """Compare what each holder had before with what it has now."""
    attribute, what = HELD[sender]
    if current_request() is None:
        return
    if action.startswith("pre_"):
        instance._held = [(holder, _names(holder, attribute)) for holder in _holders(sender, instance, reverse, pk_set)]
        return
    for holder, before in instance.__dict__.pop("_held", ()):
        after = _names(holder, attribute)
        if before != after:
            record_roles(holder, what, before, after)


def _holders(table: Any, instance: Any, reverse: bool, pk_set: set[int] | None) -> list[Holder]:
    """Whose rights change: the row itself or, from the other side, those that it is given to or taken from."""
    if not reverse:
        return [instance]
    model: Any = Group if table is Group.permissions.through else User
    attribute, _ = HELD[table]
    chosen = {f"{attribute}__pk": instance.pk} if pk_set is None else {"pk__in": pk_set}
    return list(model.objects.filter(**chosen).order_by("pk"))


def _names(holder: Any, attribute: str) -> set[str]:
    held = getattr(holder, attribute)
    if attribute == "groups":
        return set(held.values_list("name", flat=True))
    pairs = held.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in pairs}
