"""Django settings: every value that differs between installations comes from the environment (see README)."""

from pathlib import Path

import msgspec
import structlog
from csp.constants import NONE, SELF
from environs import Env

from portal.database import Connection
from portal.identity_providers import Role, read_identity_providers

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- Ona -----------------------------------------------------------------------------------------------------------
ONA_API_KEY = env.str("ONA_API_KEY", env.str("GITPOD_API_KEY", ""))
# A file with the token instead; another token in it is used from the next request on, by all processes.
ONA_TOKEN_FILE = env.str("PORTAL_ONA_TOKEN_FILE", "")
# The day on which it expires, such as 2027-01-31, if Ona does not tell.
ONA_API_KEY_EXPIRES = env.date("ONA_API_KEY_EXPIRES") if env.str("ONA_API_KEY_EXPIRES", "") else None
ONA_BASE_URL = env.str("ONA_BASE_URL", "https://app.ona.com/api")
ONA_REQUESTS_PER_SECOND = env.float("ONA_REQUESTS_PER_SECOND", 50.0)
ONA_CONCURRENCY = env.int("ONA_CONCURRENCY", 8)
ONA_TIMEOUT_SECONDS = env.float("ONA_TIMEOUT_SECONDS", 30.0)
ONA_ACTION_SECONDS = env.float("ONA_ACTION_SECONDS", 12.0)
# How long a write whose answer was not read may still be on its way to Ona.
OPERATION_PATIENCE_SECONDS = env.float("PORTAL_OPERATION_PATIENCE_SECONDS", 120.0)
# so long a batch that deletes waits before its first request, and can be withdrawn
DELETION_DELAY_SECONDS = env.float("PORTAL_DELETION_DELAY_SECONDS", 600.0)
SWEEP_SECONDS = env.int("PORTAL_SWEEP_SECONDS", 60)
# The same while the event stream is well.
WATCHED_SWEEP_SECONDS = env.int("PORTAL_WATCHED_SWEEP_SECONDS", 300)
# An event stream that sends nothing for so long is dead.
STREAM_SILENCE_SECONDS = env.float("PORTAL_STREAM_SILENCE_SECONDS", 300.0)
DIRECTORY_SECONDS = env.int("PORTAL_DIRECTORY_SECONDS", 600)
AUDIT_LOG_SECONDS = env.int("PORTAL_AUDIT_LOG_SECONDS", 60)
SETTLE_SECONDS = env.int("PORTAL_SETTLE_SECONDS", 15)
VERIFY_SECONDS = env.int("PORTAL_VERIFY_SECONDS", 86_400)
BATCH_SECONDS = env.int("PORTAL_BATCH_SECONDS", 5)
FOLLOW_SECONDS = env.int("PORTAL_FOLLOW_SECONDS", 10)
ALL_AUTOMATIONS_SECONDS = env.int("PORTAL_ALL_AUTOMATIONS_SECONDS", 3600)
# Hosts of logs besides those reported by Ona's runners: domains, or whole origins (https://10.0.0.7:8443).
LOG_HOSTS: list[str] = env.list("PORTAL_LOG_HOSTS", [])
# Each log being read occupies a thread of the web server, which has twice as many.
LOG_STREAMS = env.int("PORTAL_LOG_STREAMS", 8)
LOG_STREAM_SECONDS = env.int("PORTAL_LOG_STREAM_SECONDS", 900)
# Each export occupies a thread of the web server and a connection to the database.
EXPORTS = env.int("PORTAL_EXPORTS", 2)
EXPORT_SECONDS = env.int("PORTAL_EXPORT_SECONDS", 600)
# Files of more rows than this are made in the background.
DIRECT_ROWS = env.int("PORTAL_DIRECT_ROWS", 50_000)
# Background jobs: how many run at once, so that workers have time for syncs; how often one is looked for, besides when
# it is requested; how long one may take; how large its result may be, and how long that is stored.
JOBS = env.int("PORTAL_JOBS", 1)
JOB_SECONDS = env.int("PORTAL_JOB_SECONDS", 10)
JOB_MAX_SECONDS = env.int("PORTAL_JOB_MAX_SECONDS", 3600)
JOB_RESULT_MB = env.int("PORTAL_JOB_RESULT_MB", 1000)
JOB_RESULT_HOURS = env.int("PORTAL_JOB_RESULT_HOURS", 24)
WEB_THREADS = env.int("PORTAL_WEB_THREADS", 16)
# A request that waited longer for a thread is answered "busy": its reader has probably gone.
BUSY_SECONDS = env.float("PORTAL_BUSY_SECONDS", 10.0)
# For one statement of a page; workers and commands have no such limit.
STATEMENT_SECONDS = env.float("PORTAL_STATEMENT_SECONDS", 30.0)

# --- Django --------------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("PORTAL_SECRET_KEY")
# Former keys: their signatures stay valid.
SECRET_KEY_FALLBACKS: list[str] = env.list("PORTAL_OLD_SECRET_KEYS", [])
# The key of evidence, if not derived from the secret key: 32 random bytes in base64.
EVIDENCE_KEY = env.str("PORTAL_EVIDENCE_KEY", "")
DEBUG = False
ALLOWED_HOSTS: list[str] = env.list("PORTAL_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("PORTAL_TRUSTED_ORIGINS", [])
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "portal.accounts.admin_app.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "django_structlog",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "portal.web",
    "portal.directory",
    "portal.ledger",
    "portal.accounts",
    "portal.jobs",
    "portal.outbox",
    "portal.watching",
    "environments",
    "automations",
]

MIDDLEWARE = [
    "csp.middleware.CSPMiddleware",  # first, so that redirects and errors of the others carry the policy too
    "portal.web.middleware.CompressedPages",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.web.middleware.RefusedWhenBusy",
    "portal.web.middleware.PrivatePages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "portal.web.visible.VisibleText",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.ledger.access_log.middleware.AccessRecorded",
    "portal.accounts.sessions.lifetimes.SessionLifetimes",
    "portal.accounts.kept_forms.SignInKeepsForms",
    "portal.accounts.second_factor.signing_in.SecondFactorFirst",
    "portal.accounts.step_up.AskedAgain",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.web.middleware.RequestLog",
    "environments.as_of.middleware.PastTimes",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "environments.sync.page_context.frame",
                "portal.accounts.break_glass.notice",
            ],
            "libraries": {"lists": "portal.lists.templatetags.lists"},
        },
    },
]

DATABASES = {
    "default": env.dj_db_url("DATABASE_URL", conn_max_age=0)
    | {
        "OPTIONS": {
            "pool": {
                "connection_class": Connection,
                "min_size": 1,
                "max_size": env.int("PORTAL_DB_POOL", WEB_THREADS + 2),  # one a thread, and two for /readyz
                "timeout": 3,
                # A pool that goes on trying does so ever more rarely; one that has given up tries for each request.
                "reconnect_timeout": 2,
            },
            "connect_timeout": 5,
        },
        "CONN_HEALTH_CHECKS": True,  # else each connection that a restart of Postgres broke costs a page
    }
}

REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "serializer": "portal.web.cache.JsonSerializer",
            "socket_timeout": 2,
            "socket_connect_timeout": 2,
        },
    }
}

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if env.bool("PORTAL_PLAIN_STATIC", False)
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = env.bool("PORTAL_PLAIN_STATIC", False)

# Django's own pages for users and tables, for emergencies and superusers alone.
DJANGO_ADMIN = env.bool("PORTAL_DJANGO_ADMIN", False)

# --- Security ------------------------------------------------------------------------------------------------------
# Plain http is for one machine only: cookies stay bound to https everywhere else.
INSECURE_HTTP = env.bool("PORTAL_INSECURE_HTTP", False)
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "accounts:start"
LOGOUT_REDIRECT_URL = "accounts:sign-in"
# The company's own sign-in: OpenID Connect.
IDENTITY_PROVIDERS = read_identity_providers(env.str("PORTAL_IDENTITY_PROVIDERS", ""))
ACCOUNT_ADAPTER = "portal.accounts.local_accounts.LocalAccounts"
ACCOUNT_EMAIL_VERIFICATION = "none"  # providers verify addresses
ACCOUNT_UNIQUE_EMAIL = False  # portal.accounts.oidc.accounts decides whose an address is
SOCIALACCOUNT_ADAPTER = "portal.accounts.oidc.accounts.ProviderAccounts"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_LOGIN_ON_GET = True  # the policy of forms would refuse redirects to a provider
# The only local account that may sign in by a password; without it, every account that has one may.
BREAK_GLASS_ACCOUNT = env("PORTAL_BREAK_GLASS_ACCOUNT", default="")
# Second factors of local accounts. Roles whose people have to set one up at their next sign-in:
SECOND_FACTOR_ROLES = msgspec.convert(env.list("PORTAL_SECOND_FACTOR_ROLES", ["Admin"]), list[Role])
MFA_ADAPTER = "portal.accounts.second_factor.adapter.SecondFactors"
MFA_TOTP_ISSUER = "Environment Portal"
MFA_TOTP_TOLERANCE = 1  # half minutes that the clocks may differ
# Two portals on one host would sign each other out if they shared cookie names.
COOKIE_SUFFIX = env.str("PORTAL_COOKIE_SUFFIX", "")
# No other host of the domain can set a cookie whose name begins so; browsers take it over https alone.
COOKIE_PREFIX = "" if INSECURE_HTTP else "__Host-"
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}portal_session{COOKIE_SUFFIX}"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}portal_csrf{COOKIE_SUFFIX}"
# A session ends when it is not used for so long, and at the latest after the second.
SESSION_IDLE_SECONDS = env.int("PORTAL_SESSION_IDLE_MINUTES", 240) * 60
SESSION_MAX_SECONDS = env.int("PORTAL_SESSION_HOURS", 12) * 3600
SESSION_COOKIE_AGE = SESSION_MAX_SECONDS
# So long after somebody signed in or confirmed who they are, they are asked again; 0 for never.
CONFIRM_SECONDS = env.int("PORTAL_CONFIRM_MINUTES", 15) * 60
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not INSECURE_HTTP
SECURE_SSL_REDIRECT = not INSECURE_HTTP
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else 31_536_000
# One proxy in front that sets X-Forwarded-Proto and appends to X-Forwarded-For; without one, both are ignored.
BEHIND_PROXY = env.bool("PORTAL_BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Uploads contain secrets: they stay in memory, and larger ones are rejected.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
CSRF_FAILURE_VIEW = "portal.accounts.kept_forms.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address", "username"]
AXES_HANDLER = "portal.accounts.throttling.SignInThrottle"
SIGN_IN_LIMITS = (AXES_FAILURE_LIMIT, 15, 15)  # for each of the parameters
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "portal.accounts.throttling.locked_out"
AXES_CLIENT_IP_CALLABLE = "portal.web.network.client_address"
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]  # of the forms that it stores with each failure
# Requests a minute to the API: of a token, from an address, and with wrong tokens from an address.
API_TOKEN_REQUESTS = env.int("PORTAL_API_TOKEN_REQUESTS", 600)
API_ADDRESS_REQUESTS = env.int("PORTAL_API_ADDRESS_REQUESTS", 1200)
API_FAILURES = env.int("PORTAL_API_FAILURES", 30)

# --- Outbox --------------------------------------------------------------------------------------------------------
OUTBOX_SECONDS = env.int("PORTAL_OUTBOX_SECONDS", 5)
# For one attempt at sending a message.
OUTBOX_TIMEOUT_SECONDS = env.float("PORTAL_OUTBOX_TIMEOUT_SECONDS", 15.0)
# Origins that webhooks may be sent to though they are not public or not https on port 443: https://10.0.0.7:8443.
WEBHOOK_ORIGINS: list[str] = env.list("PORTAL_WEBHOOK_ORIGINS", [])
# The server that takes the portal's e-mail; without one, none is sent.
EMAIL_HOST = env.str("PORTAL_EMAIL_HOST", "")
EMAIL_PORT = env.int("PORTAL_EMAIL_PORT", 587)
EMAIL_HOST_USER = env.str("PORTAL_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = env.str("PORTAL_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = env.bool("PORTAL_EMAIL_STARTTLS", True)
# Where people open the portal, for links in e-mail: https://portal.example.com; without it there are none.
PORTAL_URL = env.str("PORTAL_URL", "").rstrip("/")
EMAIL_TIMEOUT = OUTBOX_TIMEOUT_SECONDS
DEFAULT_FROM_EMAIL = env.str("PORTAL_EMAIL_FROM", "environment-portal@localhost")

# --- Metrics -------------------------------------------------------------------------------------------------------
# /metrics is closed without a token, but for `make run`, in front of which there is no proxy.
METRICS_TOKEN = env.str("PORTAL_METRICS_TOKEN", "")
METRICS_ON_LOOPBACK = env.bool("PORTAL_METRICS_ON_LOOPBACK", False)

# --- REST API ------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.accounts.tokens.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",  # with a CSRF token, as for forms
    ],
    "DEFAULT_THROTTLE_CLASSES": ["portal.api.throttling.AddressThrottle", "portal.api.throttling.TokenThrottle"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],  # each endpoint names its own
    "DEFAULT_RENDERER_CLASSES": ["portal.api.body.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.body.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.errors.answer_exception",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Environment Portal",
    "VERSION": "1",
    "DESCRIPTION": "The lists and actions of the Environment Portal in JSON. Parameters and fields that do not exist "
    "are errors, and every error is a problem document (RFC 9457).",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "AUTHENTICATION_WHITELIST": [],  # described by the hook
    "POSTPROCESSING_HOOKS": ["portal.api.schema_components.share", "portal.accounts.api_roles.describe_access"],
}

# --- Celery: redis is only the bell, every truth is in Postgres ----------------------------------------------------
CELERY = {
    "broker_url": REDIS_URL,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {"visibility_timeout": 3600, "socket_timeout": 5, "socket_connect_timeout": 5},
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_soft_time_limit": 900,
    "task_time_limit": 960,
    "worker_prefetch_multiplier": 1,
    "worker_soft_shutdown_timeout": 10,
    "worker_hijack_root_logger": False,
    "timezone": "UTC",
    "beat_scheduler": "portal.scheduler.Scheduler",
    "beat_max_loop_interval": 5,
}

# --- Logs: one JSON object a line ----------------------------------------------------------------------------------
SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *SHARED_PROCESSORS,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": SHARED_PROCESSORS,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.str("PORTAL_LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "waitress.queue": {"level": "ERROR"},  # a line for each request that waits for a thread
        "django.template": {"level": "INFO"},  # at DEBUG it writes whole contexts
    },
}
