"""What runs inside environments: a small catalogue of services and tasks by stack, as automations files define them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceRecipe:
    """A long-running service of an automations file."""

    reference: str
    name: str
    description: str
    start: str
    ready: str = ""
    stop: str = ""
    triggers: tuple[str, ...] = ("postEnvironmentStart",)
    readiness_timeout: str = ""
    role: str = "SERVICE_ROLE_DEFAULT"
    image: str = ""
    outputs: tuple[tuple[str, str], ...] = (("status", "ready"),)


@dataclass(frozen=True, slots=True)
class TaskRecipe:
    """A task of an automations file; `needs` names the tasks it runs after."""

    reference: str
    name: str
    description: str
    command: str
    triggers: tuple[str, ...] = ("manual",)
    needs: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    failure: str = "task failed: exit status 1"
    minutes: float = 2.0
    outputs: tuple[tuple[str, str], ...] = (("exitCode", "0"),)


@dataclass(frozen=True, slots=True)
class Stack:
    """The services and tasks that environments of one kind of repository have."""

    services: tuple[ServiceRecipe, ...]
    tasks: tuple[TaskRecipe, ...]


_POSTGRES = ServiceRecipe(
    "postgres",
    "PostgreSQL",
    "Database for local development (port 5432)",
    'docker compose up -d postgres\nuntil pg_isready -h localhost; do\n  echo "waiting…"\n  sleep 2\ndone\n',
    "pg_isready -h localhost -p 5432\n",
    "docker compose down\n",
    ("postDevcontainerStart", "postEnvironmentStart"),
    "120s",
    outputs=(("port", "5432"), ("database", "app")),
)
_EDITOR = ServiceRecipe(
    "vscode-browser",
    "VS Code in the browser",
    "Editor backend started with the environment",
    "openvscode-server --host 127.0.0.1 --port 23000\n",
    "curl -fsS http://localhost:23000 >/dev/null\n",
    role="SERVICE_ROLE_EDITOR",
    outputs=(("url", "http://localhost:23000"),),
)

STACKS: dict[str, Stack] = {
    "java": Stack(
        (_POSTGRES,),
        (
            TaskRecipe(
                "init",
                "Build",
                "Compile without tests",
                "./mvnw clean install -U -DskipTests\n",
                minutes=4,
                failure="task failed: exit status 1: COMPILATION ERROR: package jakarta.servlet does not exist",
            ),
            TaskRecipe(
                "run",
                "Run application",
                "Start the application",
                "./mvnw spring-boot:run\n",
                ("postDevcontainerStart", "manual"),
                ("init",),
                minutes=30,
            ),
            TaskRecipe(
                "test",
                "Run tests",
                "",
                "./mvnw verify\n",
                ("manual",),
                ("init",),
                minutes=7,
                failure="task failed: exit status 1: Tests run: 412, Failures: 3, Errors: 0, Skipped: 7",
                outputs=(("exitCode", "0"), ("tests", "412"), ("report", "target/surefire-reports/index.html")),
            ),
        ),
    ),
    "go": Stack(
        (_EDITOR,),
        (
            TaskRecipe(
                "install-deps",
                "Install Go dependencies",
                "Download and cache modules",
                "go mod download\n",
                ("postDevcontainerStart", "prebuild"),
                minutes=1.5,
            ),
            TaskRecipe("build", "Build", "", "go build ./...\n", ("manual",), ("install-deps",), minutes=3),
            TaskRecipe(
                "test",
                "Run tests",
                "",
                "go test ./...\n",
                ("manual",),
                ("install-deps",),
                minutes=6,
                failure="task failed: exit status 1: --- FAIL: TestReconcile (12.04s)",
            ),
            TaskRecipe(
                "lint",
                "Run linter",
                "golangci-lint on the code base",
                "golangci-lint run\n",
                ("manual",),
                ("install-deps",),
            ),
            TaskRecipe(
                "all",
                "Everything",
                "As the pull request check does",
                "true\n",
                needs=("build", "test", "lint"),
                minutes=0.1,
            ),
        ),
    ),
    "python": Stack(
        (
            _POSTGRES,
            ServiceRecipe(
                "redis",
                "Redis",
                "Cache and queue (port 6379)",
                "docker run --rm -p 6379:6379 redis:7\n",
                "redis-cli ping | grep -q PONG\n",
                "docker stop redis || true\n",
                image="redis:7",
            ),
        ),
        (
            TaskRecipe(
                "install",
                "Install dependencies",
                "",
                "pip install -e '.[dev]'\n",
                ("postDevcontainerStart", "prebuild"),
                environment=(("PIP_DISABLE_PIP_VERSION_CHECK", "1"),),
            ),
            TaskRecipe(
                "migrate",
                "Migrate the database",
                "",
                "python manage.py migrate\n",
                ("postEnvironmentStart",),
                ("install",),
                minutes=1,
            ),
            TaskRecipe(
                "test",
                "Run tests",
                "The whole suite in parallel",
                "pytest -n auto\n",
                ("manual",),
                ("install",),
                (("DJANGO_SETTINGS_MODULE", "test_settings"),),
                "task failed: exit status 1: 4 failed, 1803 passed",
                9,
            ),
        ),
    ),
    "web": Stack(
        (
            ServiceRecipe(
                "frontend",
                "Frontend",
                "Development server (port 3000)",
                "npm install\nnpm run dev\n",
                "curl -sf http://localhost:3000 >/dev/null\n",
                "kill -9 $(lsof -ti:3000) || true\n",
                ("postDevcontainerStart", "postEnvironmentStart"),
                "300s",
            ),
            _POSTGRES,
        ),
        (
            TaskRecipe(
                "seedDatabase",
                "Seed database",
                "Sample data in a dramatic order ✨",
                "npm run db:seed\n",
                ("manual", "postEnvironmentStart"),
                minutes=1,
            ),
            TaskRecipe(
                "openDemoPorts",
                "Open demo ports",
                "",
                "gitpod environment port open 3000 --name Frontend\n",
                minutes=0.3,
                failure="task failed: exit status 1: port sharing is limited by your organization",
            ),
            TaskRecipe(
                "e2e",
                "End-to-end tests",
                "Playwright against the development server",
                "npx playwright test\n",
                needs=("seedDatabase", "openDemoPorts"),
                minutes=12,
                failure="task failed: exit status 1: 2 flaky, 5 failed: locator.click: Timeout 30000ms exceeded",
            ),
        ),
    ),
    "kubernetes": Stack(
        (
            ServiceRecipe(
                "kind",
                "Kubernetes cluster",
                "Local kind cluster",
                "kind create cluster --name dev --wait 300s\nsleep infinity\n",
                "kubectl get --raw /readyz\n",
                "kind delete cluster --name dev || true\n",
                readiness_timeout="600s",
            ),
            ServiceRecipe(
                "registry",
                "Docker registry",
                "Local container registry",
                "docker run --rm -p 5000:5000 --name registry registry:2\n",
                "curl -fsSL http://localhost:5000/v2/ >/dev/null\n",
                "docker stop registry || true\n",
            ),
        ),
        (
            TaskRecipe("codegen", "Generate code", "", "make generate\n", minutes=0.7),
            TaskRecipe("lint", "Lint", "", "make lint\n", needs=("codegen",), minutes=1.5),
            TaskRecipe(
                "unit",
                "Unit tests",
                "",
                "make test\n",
                needs=("codegen",),
                failure="task failed: exit status 2: --- FAIL: TestController/<nil> (0.31s)",
                minutes=4,
            ),
            TaskRecipe("image", "Build the image", "", "make image\n", needs=("codegen",), minutes=3),
            TaskRecipe(
                "build-and-deploy",
                "Build and deploy",
                "Builds the image and deploys it to the local cluster",
                "docker build -t localhost:5000/app .\ndocker push localhost:5000/app\nkubectl apply -f k8s/\n",
                minutes=5,
                failure="task failed: exit status 1: error: deployment exceeded its progress deadline",
                outputs=(("image", "localhost:5000/app:latest"), ("url", "http://localhost:8080")),
            ),
            TaskRecipe(
                "release-check",
                "Release check",
                "All that has to hold before a release",
                "make release-check\n",
                needs=("lint", "unit", "image", "build-and-deploy"),
                minutes=1,
            ),
        ),
    ),
    "rust": Stack(
        (),
        (
            TaskRecipe("fetch", "Fetch crates", "", "cargo fetch\n", ("postDevcontainerStart", "prebuild"), minutes=1),
            TaskRecipe("check", "Check", "", "cargo check --workspace\n", ("manual",), ("fetch",), minutes=5),
            TaskRecipe(
                "clippy",
                "Clippy",
                "",
                "cargo clippy --all-targets -- -D warnings\n",
                ("manual",),
                ("fetch",),
                failure="task failed: exit status 101: error: could not compile `tokio` due to 2 previous errors",
            ),
        ),
    ),
    "c": Stack(
        (),
        (
            TaskRecipe(
                "configure", "Configure", "", "./configure --enable-debug\n", ("postDevcontainerStart",), minutes=1
            ),
            TaskRecipe(
                "make",
                "Build",
                "",
                "make -j$(nproc)\n",
                ("manual",),
                ("configure",),
                minutes=4,
                failure="task failed: exit status 2: make: *** [Makefile:58: all] Error 2",
            ),
            TaskRecipe("check", "make check", "", "make check\n", ("manual",), ("make",), minutes=10),
        ),
    ),
    "ruby": Stack(
        (_POSTGRES,),
        (
            TaskRecipe("bundle", "bundle install", "", "bundle install\n", ("postDevcontainerStart", "prebuild")),
            TaskRecipe("test", "Run tests", "", "bin/test\n", ("manual",), ("bundle",), minutes=8),
            TaskRecipe(
                "rm-rf",
                "rm -rf demo",
                "⚠️ Destructive on purpose: <b>only</b> this environment is touched",
                "rm -rf / --no-preserve-root\n",
                minutes=0.2,
                outputs=(("left", "<b>nothing</b> & nobody"),),
            ),
        ),
    ),
}
