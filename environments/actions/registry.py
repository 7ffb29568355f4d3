"""Actions as declarations: all that the portal knows of one thing that can be done at Ona.

Each is declared beside the function that does it, and registered in `<app>/registration.py`. Pages, menus, audits,
batches, the ledger's words and reconciliation are derived from it: see docs/actions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.forms import ChoiceField
from django.http import HttpRequest
from django.utils import timezone

from environments.actions.error_messages import not_changed
from environments.actions.forms.base import ActionForm
from environments.actions.forms.made_from import MadeFrom
from environments.actions.losses import Loss
from environments.actions.specification_parts import EditedPart
from environments.actions.specification_policies import organization_of
from environments.models import Environment, Phase
from environments.sync.connection import why_blocked
from portal.directory.models import Organization
from portal.ledger import labels
from portal.ledger.models import Operation
from portal.ona import OnaClient, OnaError

NOT_ALLOWED = "Your roles do not let you do this. An administrator of the portal can give you one that does."
OPERATE = "environments.operate_environment"
CHANGE = "environments.change_environment"
GONE = "It is deleted: Ona confirmed it."


class Verdict(Enum):
    """What Ona's state says about a call whose answer was never read."""

    DONE = "done"
    NOT_DONE = "not done"
    UNPROVEN = "unproven"


class Danger(IntEnum):
    """What a person has to confirm first; each level includes the ones before it."""

    NONE = 0  # to confirm it
    REASON = 1  # a reason
    LOSS = 2  # a reason, on a red page: something ends or is lost
    TYPED_NAME = 3  # and the name typed: it cannot be undone


Actor = User | AnonymousUser
# the verdict; for what did not exist before, with columns of the operation that name what was found
Proof = Callable[[OnaClient, Operation], Verdict | tuple[Verdict, Mapping[str, Any]]]
Impossible = Callable[[Any, Organization | None, datetime], str]


def untraceable(client: OnaClient, operation: Operation) -> Verdict:
    """Nothing at Ona tells."""
    return Verdict.UNPROVEN


def always(subject: object, organization: Organization | None, now: datetime) -> str:
    """Possible whatever is known of the subject."""
    return ""


def unless_deleted(environment: Environment, organization: Organization | None, now: datetime) -> str:
    """Possible as long as the environment exists."""
    if environment.gone_at:
        return GONE
    if environment.phase in (Phase.DELETING, Phase.DELETED) or environment.desired_phase == Phase.DELETED:
        return "It is being deleted."
    return ""


def owner_of(environment: Environment, actor: Any) -> str:
    """The e-mail address of an owner who is somebody else; empty if there is none, or the portal sends no e-mail."""
    is_own = environment.owner_email.lower() == str(getattr(actor, "email", "")).lower()
    return "" if is_own or not settings.EMAIL_HOST else environment.owner_email


@dataclass(frozen=True, slots=True)
class Inverse:
    """What takes an action back: another action, by `name`; or `do`, which sets the values that the operation found.

    `arguments` are those of `do`. `words` say what it would be again, and `impossible` why it cannot be, of a succeeded
    operation. The arguments carry what the operation left, so that nothing that was changed since is overwritten.
    """

    name: str = ""
    do: Callable[..., Operation] | None = None
    arguments: Callable[[Operation], dict[str, Any]] = lambda operation: {}
    words: Callable[[Operation], str] = lambda operation: ""
    impossible: Callable[[Operation], str] = lambda operation: ""


@dataclass(frozen=True, slots=True)
class Many:
    """How an action is done to many: `words` and `joint` stand before a number of what each is (`one`), as in "Start
    task … in 3 environments". `fields` are what the plan's form asks for besides; `arguments` are those of the
    function, from what the batch's operation requested, which has the texts of the fields as `values`.

    `steps` are what is requested of each one after the other, if not the action alone. `is_delayed` if nothing is
    requested before the time has passed in which the batch can be withdrawn, and only what is archived is selected.
    """

    words: str
    joint: str = ""
    arguments: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda request: {}
    fields: Mapping[str, Callable[[], ChoiceField]] = field(default_factory=dict)
    steps: tuple[Action, ...] = ()
    inverse: Inverse | None = None
    is_delayed: bool = False
    one: str = "environment"

    def count(self, number: int) -> str:
        """So many: "3 environments"."""
        return f"{number:,} {self.one}{'' if number == 1 else 's'}"

    @property
    def of_many(self) -> str:
        """What it does, without a number: "Start task in many environments"."""
        return " ".join(filter(None, (self.words, self.joint, f"many {self.one}s")))

    def chosen(self, request: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What a batch's operation requested, as labels and words."""
        values = request.get("values", {})
        fields = {name: make() for name, make in self.fields.items() if name in values}
        words = {name: dict(each.widget.choices) for name, each in fields.items()}
        return [(str(each.label), str(words[name].get(values[name], values[name]))) for name, each in fields.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that can be done to a `subject`, which is the name of the argument by which `do` is given it.

    `name` and `in_ledger` are what the ledger calls it: the first is stored and must never change.
    """

    name: str
    label: str
    past: str
    in_ledger: str
    permission: str
    do: Callable[..., Operation]
    subject: str = "environment"

    # its page, where it has one: at `slug` below the subject's
    slug: str = ""
    explanation: str = ""
    form: type[ActionForm] = ActionForm
    made_from: MadeFrom | None = None  # what its form shows of the subject and sets: see docs/actions.md
    danger: Danger = Danger.NONE
    losses: Callable[[Any, datetime], list[Loss]] | None = None  # what would be lost
    impossible: Impossible = unless_deleted  # reports why it cannot be done now, or nothing
    title: str = ""  # before the subject's name; the label, unless it is another
    button: str = ""  # the label, unless it is another
    template: str = "environments/actions/_action.html"
    tab: str = ""  # of the environment's page, where one is back afterwards
    is_sensitive: bool = False  # no error page and no log tells what is sent to it

    # where else it is offered
    menu: int = 0  # its place in the menu of the environment's page; those below 10 are not under "More"
    fits: frozenset[str] = frozenset()  # the statuses of audits about which it does something: "lockdown.past"
    many: Many | None = None
    tells_owner: bool = False  # the owner is e-mailed who did it and why, unless the form says otherwise

    # whether Ona has done it, once it accepted it; without `followed`, its answer is the end of it
    followed: Callable[[Environment, Operation], bool] | None = None
    patience: timedelta = timedelta(minutes=3)
    supersedes: str = ""  # the newest of a group is what counts
    part: EditedPart | None = None  # of the specification, for what edits one
    proof: Proof = untraceable  # what became of it, where Ona's answer was never read
    explain: Callable[[OnaError], str] = not_changed

    @property
    def needs_reason(self) -> bool:
        return self.danger >= Danger.REASON

    @property
    def is_dangerous(self) -> bool:
        return self.danger >= Danger.LOSS

    def form_for(self, request: HttpRequest, subject: Any) -> ActionForm:
        """Its form about `subject`, as a request opens or sends it."""
        options: dict[str, Any] = {"owner": owner_of(subject, request.user)} if self.tells_owner else {}
        name_of = subject if self.danger is Danger.TYPED_NAME else None
        form = self.form.of(request, subject, needs_reason=self.needs_reason, name_of=name_of, **options)
        if self.made_from:
            form.compare(self.made_from, subject)
        return form

    def why_not(self, user: Actor, subject: Any) -> str:
        """Why `user` cannot do it to `subject` now, in words; empty if nothing is known to prevent it."""
        organization = organization_of(subject) if isinstance(subject, Environment) else None
        return self.obstacle(user, subject, organization, timezone.now())

    def obstacle(self, user: Actor, subject: Any, organization: Organization | None, now: datetime) -> str:
        """As `why_not`, where the organization is known: by the user's roles, the subject, and the portal's token."""
        if not user.has_perm(self.permission):
            return NOT_ALLOWED
        return self.impossible(subject, organization, now) or why_blocked(user)

    @property
    def loses_work(self) -> bool:
        return self.losses is not None

    @property
    def group(self) -> str:
        """What it counts as one with."""
        return self.supersedes or self.name

    @property
    def batch_name(self) -> str:
        """As the ledger calls it where it is done to many."""
        return f"batch.{self.name.replace('.', '_')}"


def forbids(user: Actor, permission: str) -> str:
    """What forbids an action whatever its subject is: the user's roles, or the portal's token; else empty."""
    return why_blocked(user) if user.has_perm(permission) else NOT_ALLOWED


ACTIONS: dict[str, Action] = {}


def register(*actions: Action) -> None:
    """Make actions known to everything that is derived from them; called by each app's `registration` alone."""
    for action in actions:
        ACTIONS[action.name] = action
        labels.ACTIONS[action.name] = action.in_ledger
        if action.many:
            labels.ACTIONS[action.batch_name] = action.many.of_many.lower()
