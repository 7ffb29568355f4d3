"""Rows and signed-in clients for tests and benchmarks; same seed, same rows."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from django.utils.crypto import get_random_string
from psycopg import sql

from environments.models import Environment, Phase, Secret, Sighting
from portal.accounts.models import ApiToken, SavedView
from portal.accounts.sessions.lifetimes import STARTED, USED
from portal.accounts.step_up import CONFIRMED
from portal.directory.models import EnvironmentClass, Member, Project, Runner

PASSWORD = "correct-horse-battery-staple"
BACKEND = "django.contrib.auth.backends.ModelBackend"
EPOCH = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ORGANIZATION = uuid.UUID(int=0x0A)

PEOPLE = ("Ann Lee", "Bo Óskarsson", "Chidi Okafor", "Dana Weiß", "Eve Novak", "Finn O'Hara", "Gita Rao", "Hugo Ménard")
REPOSITORIES = ("petclinic", "payments-api", "web-shop", "data-pipeline", "infra", "mobile-app", "docs", "search")
BRANCHES = ("main", "develop", "fix/login-loop", "feat/dark-mode", "release/24.1", "spike/ai-review")
CLASSES = ("Small", "Regular", "Large", "GPU")
RUNNERS = ("aws-eu-central-1", "aws-us-east-1", "gcp-europe-west1", "ona-cloud")
FAILURES = (
    "failed to pull image: manifest unknown",
    "devcontainer build failed: exit status 1",
    "machine did not become ready within 10m0s",
)
ROLES = ("ENVIRONMENT_ROLE_DEFAULT", "ENVIRONMENT_ROLE_PREBUILD", "ENVIRONMENT_ROLE_WORKFLOW")
PHASES = (Phase.STOPPED, Phase.RUNNING, Phase.STARTING, Phase.STOPPING, Phase.UPDATING, Phase.CREATING, Phase.DELETING)
PHASE_WEIGHTS = (62, 28, 3, 3, 2, 1, 1)


def user(role: str = "", *, username: str = "") -> User:
    """A user in the group of `role` (Viewer, Operator, Admin, Auditor; none when empty)."""
    made = User.objects.create_user(username or f"{role or 'nobody'}-{uuid.uuid4().hex[:8]}".lower(), password=PASSWORD)
    if role:  # groups.add would look first, within a savepoint
        User.groups.through.objects.create(user_id=made.pk, group_id=Group.objects.only("pk").get(name=role).pk)
    return made


def client(role: str = "Viewer") -> Client:
    """A test client signed in as a new user of `role`."""
    return signed_in_as(user(role))


def signed_in_as(who: User) -> Client:
    """A test client with a session as signing in leaves it: one statement, where `force_login` needs fifteen."""
    store = Session.get_session_store_class()()
    session = {SESSION_KEY: str(who.pk), BACKEND_SESSION_KEY: BACKEND, HASH_SESSION_KEY: who.get_session_auth_hash()}
    session |= dict.fromkeys((STARTED, USED, CONFIRMED), int(time()))
    key, until = get_random_string(32, VALID_KEY_CHARS), timezone.now() + timedelta(days=1)
    Session.objects.create(session_key=key, session_data=store.encode(session), expire_date=until)
    made = Client()
    made.cookies[settings.SESSION_COOKIE_NAME] = key
    return made


def environment(**columns: Any) -> Environment:
    """One environment, running and unremarkable unless `columns` say otherwise, with its sighting."""
    made = Environment.objects.create(**(_plain() | columns))
    Sighting.objects.create(environment=made, seen_at=made.changed_at)
    made.refresh_from_db()  # generated columns
    return made


def secret(**columns: Any) -> Secret:
    """One secret of a project, an environment variable unless `columns` say otherwise."""
    now = timezone.now()
    plain: dict[str, Any] = {
        "id": uuid.uuid4(), "name": "API_KEY", "scope_kind": "project", "scope_id": uuid.uuid4(),
        "scope_name": "web-shop", "mount_kind": "environment_variable", "mount_target": "API_KEY", "uses": 0,
        "reach": 0, "created_at": now - timedelta(days=200), "updated_at": now - timedelta(days=100),
        "first_seen_at": now, "seen_at": now, "changed_at": now,
    }  # fmt: skip
    return Secret.objects.create(**plain | columns)


def saved_view(name: str) -> SavedView:
    """A shared view of the newest user, or of one made for it."""
    owner = User.objects.order_by("-pk").first() or user()
    return SavedView.objects.create(owner=owner, name=name, url_name="environments:list", is_shared=True)


def api_token(owner: User | None = None, *, role: str = "Viewer", **columns: Any) -> ApiToken:
    """A token of `owner`, or of the newest user; nobody knows its text."""
    owner, now = owner or User.objects.order_by("-pk").first() or user(), timezone.now()
    plain = {"name": "nightly report", "prefix": f"portal_{get_random_string(8).lower()}", "digest": uuid.uuid4().hex}
    times = {"created_at": now, "expires_at": now + timedelta(days=90)}
    return ApiToken.objects.create(owner=owner, role=role, **plain | times | columns)


def _plain() -> dict[str, Any]:
    now = timezone.now()
    return {
        "id": uuid.uuid4(),
        "organization_id": ORGANIZATION,
        "name": "quiet-otter",
        "phase": Phase.RUNNING,
        "role": ROLES[0],
        "created_at": now - timedelta(days=2),
        "last_started_at": now - timedelta(hours=2),
        "active_at": now - timedelta(minutes=5),
        "timeout": timedelta(minutes=30),
        "spec_version": 1,
        "runner_spec_version": 1,
        "first_seen_at": now - timedelta(days=2),
        "changed_at": now,
    }


def environments(n: int, seed: int = 0, *, now: datetime | None = None) -> list[Environment]:
    """`n` environments of a believable organization with sightings and the directory behind them, analyzed.

    Owners, projects and names follow `n` (about one person for 25 environments); the newest was made at `now`.
    """
    dice = random.Random(seed)
    world = _World(dice, n)
    now = now or timezone.now()
    rows = [world.row(position, now) for position in range(n)]
    world.save(now)
    _copy(rows)
    _copy([Sighting(environment_id=row.id, seen_at=now) for row in rows])
    analyze()
    return rows


def _copy(rows: Sequence[Model]) -> None:
    """Insert `rows` by COPY: some ten times faster than bulk_create, which counts at 100,000."""
    if not rows:
        return
    options = rows[0]._meta
    fields = [field for field in options.local_concrete_fields if not field.generated]
    columns = sql.SQL(", ").join(sql.Identifier(field.column) for field in fields)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(options.db_table), columns)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([_plain_value(getattr(row, field.attname)) for field in fields])


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value) if isinstance(value, str) else value


def analyze() -> None:
    """Tell the planner what the tables hold now, as autovacuum does a minute later."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE environments_environment")


class _World:
    """The people, projects, runners and classes that the environments of one call share."""

    def __init__(self, dice: random.Random, n: int) -> None:
        self.dice = dice
        self.people = [self._entry(_person(i)) for i in range(max(len(PEOPLE), n // 25))]
        self.projects = [self._entry(_project(i)) for i in range(max(len(REPOSITORIES), n // 250))]
        self.runners = [self._entry(name) for name in RUNNERS]
        self.classes = [self._entry(name) for name in CLASSES]

    def save(self, now: datetime) -> None:
        seen = {"first_seen_at": now, "seen_at": now}
        Member.objects.bulk_create(Member(id=i, name=name, email=_email(name), **seen) for i, name in self.people)
        Project.objects.bulk_create(
            Project(id=i, name=name, repository=_url(name), **seen) for i, name in self.projects
        )
        Runner.objects.bulk_create(Runner(id=i, name=name, **seen) for i, name in self.runners)
        EnvironmentClass.objects.bulk_create(EnvironmentClass(id=i, name=name, **seen) for i, name in self.classes)

    def _entry(self, name: str) -> tuple[uuid.UUID, str]:
        return self._uuid(), name

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.dice.getrandbits(128), version=4)

    def row(self, position: int, now: datetime) -> Environment:
        identity = self._uuid()
        made = now - timedelta(seconds=position * 60 + self.dice.randrange(60))
        phase = self.dice.choices(PHASES, PHASE_WEIGHTS)[0]
        columns = self._who() | self._git() | self._times(phase, made, now) | self._conditions(phase)
        return Environment(
            id=identity,
            organization_id=ORGANIZATION,
            name=f"{columns['spec_branch'].rpartition('/')[2]}-{identity.hex[:6]}",
            phase=phase,
            first_seen_at=made,
            changed_at=now - timedelta(seconds=position % 86_400),
            metadata={
                "name": identity.hex,
                "creator": {"id": str(columns["creator_id"])},
                "createdAt": made.isoformat(),
            },
            spec={"machine": {"class": str(columns["class_id"])}, "content": {"initializer": columns["context_url"]}},
            status={"phase": phase, "content": {"git": {"branch": columns["spec_branch"]}}, "padding": "x" * 150},
            **columns,
        )

    def _who(self) -> dict[str, Any]:
        dice = self.dice
        owner, owner_name = dice.choice(self.people)
        runner, runner_name = dice.choice(self.runners)
        machine, class_name = dice.choices(self.classes, (30, 50, 17, 3))[0]
        project, project_name = dice.choice(self.projects) if dice.random() < 0.8 else (None, "")
        return {
            "creator_id": owner,
            "creator_principal": "PRINCIPAL_USER",
            "owner_name": owner_name,
            "owner_email": _email(owner_name),
            "project_id": project,
            "project_name": project_name,
            "runner_id": runner,
            "runner_name": runner_name,
            "class_id": machine,
            "class_name": class_name,
            "role": dice.choices(ROLES, (92, 5, 3))[0],
        }

    def _git(self) -> dict[str, Any]:
        dice = self.dice
        url, branch = _url(dice.choice(REPOSITORIES)), dice.choice(BRANCHES)
        known = dice.random() < 0.7
        return {
            "context_url": url,
            "spec_repository": url,
            "spec_branch": branch,
            "git_repository": url if known else "",
            "git_branch": branch if known else "",
            "unpushed_commits": dice.choices((0, 1, 4), (90, 7, 3))[0] if known else None,
            "changed_files": dice.choices((0, 2, 17), (88, 8, 4))[0] if known else None,
        }

    def _times(self, phase: str, made: datetime, now: datetime) -> dict[str, Any]:
        dice = self.dice
        age = (now - made).total_seconds()
        started = made + timedelta(seconds=dice.random() * age)
        archived = phase == Phase.STOPPED and dice.random() < 0.3
        limited = dice.random() < 0.6
        return {
            "created_at": made,
            "last_started_at": started if dice.random() < 0.95 else None,
            "active_at": started + (now - started) * dice.random() if dice.random() < 0.8 else None,
            "archived_at": started + (now - started) * dice.random() if archived else None,
            "lockdown_at": now + timedelta(hours=dice.triangular(-200, 2000, 300)) if limited else None,
            "gone_at": now if phase == Phase.DELETING and dice.random() < 0.5 else None,
        }

    def _conditions(self, phase: str) -> dict[str, Any]:
        dice = self.dice
        version = dice.randrange(1, 40)
        running = phase == Phase.RUNNING
        return {
            "failure": dice.choice(FAILURES) if dice.random() < 0.03 else "",
            "spec_version": version,
            "runner_spec_version": version - (dice.random() < 0.02),
            "status_version": version * 7,
            "timeout": timedelta(0) if dice.random() < 0.02 else timedelta(minutes=30),
            "shared_ports": [3000, 8080] if dice.random() < 0.1 else [],
            "open_to_everyone": dice.random() < 0.02,
            "secrets_in_sync": dice.random() < 0.99 if running else None,
            "devcontainer_in_sync": dice.random() < 0.99 if running else None,
        }


def _person(position: int) -> str:
    name = PEOPLE[position % len(PEOPLE)]
    return name if position < len(PEOPLE) else f"{name} {position // len(PEOPLE)}"


def _project(position: int) -> str:
    name = REPOSITORIES[position % len(REPOSITORIES)]
    return name if position < len(REPOSITORIES) else f"{name}-{position // len(REPOSITORIES)}"


def _email(name: str) -> str:
    return f"{'.'.join(name.lower().split())}@acme.example"


def _url(repository: str) -> str:
    return f"https://github.com/acme/{repository}.git"
