"""Real public repositories the invented organization works on, and what one would run in each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository and what its environments look like."""

    path: str  # owner/name on github.com
    branch: str
    stack: str  # which recipe of automations and which files; see recipes.py
    ports: tuple[tuple[int, str], ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path, which is also the checkout's directory."""
        return self.path.rpartition("/")[2]

    @property
    def url(self) -> str:
        """Its page; the clone address adds .git."""
        return f"https://github.com/{self.path}"


REPOSITORIES = (
    Repository("spring-projects/spring-petclinic", "main", "java", ((8080, "PetClinic"),)),
    Repository("kubernetes/kubernetes", "master", "kubernetes", ((8443, "API server"),)),
    Repository("django/django", "main", "python", ((8000, "runserver"),)),
    Repository("gitpod-io/leeway", "main", "go"),
    Repository("gitpod-samples/gitpodflix-demo", "main", "web", ((3000, "Frontend"), (3001, "Catalog API"))),
    Repository("gitpod-demos/kubernetes-demo", "main", "kubernetes", ((5000, "Registry"),)),
    Repository("gitpod-samples/ona-android-dev", "main", "java", ((8000, "Emulator control"),)),
    Repository("golang/go", "master", "go"),
    Repository("rust-lang/rust", "master", "rust"),
    Repository("facebook/react", "main", "web", ((3000, "Fixtures"),)),
    Repository("vercel/next.js", "canary", "web", ((3000, "Next dev"),)),
    Repository("grafana/grafana", "main", "web", ((3000, "Grafana"), (9090, "Prometheus"))),
    Repository("prometheus/prometheus", "main", "go", ((9090, "Prometheus"),)),
    Repository("hashicorp/terraform", "main", "go"),
    Repository("postgres/postgres", "master", "c", ((5432, "PostgreSQL"),)),
    Repository("redis/redis", "unstable", "c", ((6379, "Redis"),)),
    Repository("elastic/elasticsearch", "main", "java", ((9200, "Elasticsearch"),)),
    Repository("apache/kafka", "trunk", "java", ((9092, "Broker"),)),
    Repository("rails/rails", "main", "ruby", ((3000, "Puma"),)),
    Repository("laravel/framework", "12.x", "web", ((8000, "Artisan serve"),)),
    Repository("zulip/zulip", "main", "python", ((9991, "Zulip"),)),
    Repository("pypi/warehouse", "main", "python", ((8080, "Warehouse"),)),
    Repository("netbox-community/netbox", "main", "python", ((8000, "NetBox"),)),
    Repository("home-assistant/core", "dev", "python", ((8123, "Home Assistant"),)),
    Repository("tokio-rs/tokio", "master", "rust"),
    Repository("microsoft/vscode", "main", "web", ((8080, "Web server"),)),
)
