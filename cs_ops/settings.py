"""Settings of CS Ops, read from environment variables with defaults that are safe and work without any service.

The embedded default is SQLite and Celery's filesystem transport under ``var/``; the production profile is the same
file with ``DATABASE_URL`` and ``CELERY_BROKER_URL`` set (docs/operations/production.md).
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

# Lets classes name the model they are generic over (``ModelForm[Ticket]``) at run time, too.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
for _folder in (
    "",
    "log",
    "media",
    "static",
    "models",
    "broker/in",
    "broker/processed",
    "broker/control",
    "mail-drop",
    "outbox",
):
    (VAR_DIR / _folder).mkdir(mode=0o750, parents=True, exist_ok=True)


def _secret_key() -> str:
    """Return SECRET_KEY from the environment, or the key kept in var/, made at the first start (mode 0600)."""
    if key := str(env.str("SECRET_KEY", default="")):
        return key
    path = VAR_DIR / "secret_key"
    if not path.exists():
        # Written beside and linked, so that of several first processes none reads a half-written key.
        draft = path.with_name(f"secret_key.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = env.bool("DJANGO_DEBUG", default=False)
PORT = env.int("PORT", default=8000)
SITE_URL = env.str("SITE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_URL.startswith("https://") else []
DEMO = env.bool("DEMO", default=True)

# Lowest floor first: registries of lower apps exist before the parts of upper apps are discovered.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "people",
    "ml",
    "customers",
    "tickets",
    "health",
    "success",
    "insights",
    "integrations",
    "imports",
    "cs_ops",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "people.middleware.ViewerMiddleware",
    "people.api.throttling.RateHeadersMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "cs_ops.urls"
WSGI_APPLICATION = "cs_ops.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "people.context_processors.frame",
            ],
            "loaders": (
                ["django.template.loaders.filesystem.Loader"]
                if DEBUG
                else [
                    ("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"])
                ]
            ),
        },
    }
]

# --- Database -------------------------------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'cs_ops.sqlite3'}")
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # Without IMMEDIATE, read-then-write transactions fail at once with "database is locked" (docs/decisions/0003).
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;PRAGMA busy_timeout=20000;"
            "PRAGMA cache_size=-65536;PRAGMA temp_store=MEMORY;"
        ),
    }
    # A file, not memory: the tests use threads and processes on one database, as production does.
    _database["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    _database["CONN_HEALTH_CHECKS"] = True
    _database.setdefault("OPTIONS", {})["pool"] = {
        "min_size": 0,
        "max_size": env.int("DATABASE_POOL_SIZE", default=8),
    }
    # A row of a list joins nine tables by key: trying every order of them took the planner 26 ms, joining four at a time 2.4 ms.
    # Compiling such short queries costs more than it gains.
    _database["OPTIONS"].setdefault("options", "-c join_collapse_limit=4 -c jit=off")
    # A statement that comes again on a connection is parsed once, and planned once where the plan does not depend on its values.
    # Such statements belong to a session: off behind a pooler that gives every transaction another one.
    if env.bool("DATABASE_PREPARED_STATEMENTS", default=True):
        _database["OPTIONS"]["server_side_binding"] = True
        _database["OPTIONS"]["prepare_threshold"] = 5
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- People ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/inbox/"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
SESSION_COOKIE_AGE = 14 * 86400
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
_https = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "__Host-session" if _https else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "csrftoken"
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000 if _https else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_PROXY", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Language and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# --- Files ----------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [FRONTEND_DIST] if FRONTEND_DIST.is_dir() else []
MEDIA_ROOT = VAR_DIR / "media"
MODEL_DIR = VAR_DIR / "models"
MAIL_DROP_DIR = VAR_DIR / "mail-drop"
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "core.static.ManifestStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# --- Malware scanner ------------------------------------------------------------------------------------------------
# A clamd, "tcp://host:3310" or "unix:///run/clamav/clamd.ctl"; empty: files are not scanned and none is held.
CLAMD_URL = env.str("CLAMD_URL", default="")
# Seconds for one file from the first byte to the verdict; below the time limit of a task.
CLAMD_TIMEOUT = env.float("CLAMD_TIMEOUT", default=30.0)

# --- Telephone ------------------------------------------------------------------------------------------------------
# The country (ISO 3166, such as DE) of numbers that are written without a country code; empty: they are refused.
PHONE_REGION = env.str("PHONE_REGION", default="").upper()

# --- Doors out ------------------------------------------------------------------------------------------------------
# Hosts of one's own network that webhooks may call, "host" or "host:port"; every other must have a public address.
GUARDED_HTTP_ALLOW = env.list("GUARDED_HTTP_ALLOW", default=[])
# Interfaces of messengers that are elsewhere than usual, "telegram=https://bots.example.com": a Bot API server of one's own.
PROVIDER_URLS = env.dict("PROVIDER_URLS", default={})

# Mail servers (IMAP, POP3, SMTP) of one's own network, "host" or "host:port"; every other must have a public address and a port
# of its protocol.
GUARDED_MAIL_ALLOW = env.list("GUARDED_MAIL_ALLOW", default=[])

# --- Mail out -------------------------------------------------------------------------------------------------------
# The default writes each mail to a file under var/outbox: a demo never mails a stranger. An inbox may have a server of its own.
EMAIL_URL = env.str("EMAIL_URL", default=f"filemail:///{VAR_DIR / 'outbox'}")
vars().update(env.email_url_config(EMAIL_URL))
if EMAIL_URL.startswith("filemail:"):
    EMAIL_BACKEND = "tickets.channels.email.backends.FileOutboxBackend"
    EMAIL_FILE_PATH = str(VAR_DIR / "outbox")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="CS Ops <support@demo.example>")

# --- Celery: messages are only nudges, the database row is the truth (DESIGN §2) --------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any]
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(VAR_DIR / "broker/in"),
        "data_folder_out": str(VAR_DIR / "broker/in"),
        "processed_folder": str(VAR_DIR / "broker/processed"),
        "control_folder": str(VAR_DIR / "broker/control"),
        "polling_interval": 0.1,
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 120,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_keepalive": True,
        "health_check_interval": 30,
        "socket_timeout": 5,
        "socket_connect_timeout": 1,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_TIME_LIMIT = 90
CELERY_TASK_SOFT_TIME_LIMIT = 75
CELERY_TASK_DEFAULT_QUEUE = "events"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 1.0
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

# --- Models ---------------------------------------------------------------------------------------------------------
# How long a ticket waits for a model before its rules answer: for one input, for each further one of a batch, for the files.
ML_PREDICT_SECONDS = env.float("ML_PREDICT_SECONDS", default=0.2)
ML_PREDICT_SECONDS_EACH = env.float("ML_PREDICT_SECONDS_EACH", default=0.2)
ML_LOAD_SECONDS = env.float("ML_LOAD_SECONDS", default=5.0)
ENCODER_MODEL = env.str("ENCODER_MODEL", default="")
SENTIMENT_MODEL = env.str("SENTIMENT_MODEL", default="")
SENTIMENT_LABELS = env.dict("SENTIMENT_LABELS", default={})  # LABEL_0=negative,LABEL_1=positive
SENTIMENT_LANGUAGES = env.list("SENTIMENT_LANGUAGES", default=[])  # en,de,fr: what SENTIMENT_MODEL knows
ML_THREADS = env.int("ML_THREADS", default=1)

# --- REST -----------------------------------------------------------------------------------------------------------
API_RATE = env.str("API_RATE", default="6000/min")
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "people.api.authentication.ApiKeyAuthentication",
        "people.api.authentication.ViewerSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "people.api.permissions.IsKnownViewer",
        "core.api.parameters.KnownParameters",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.StorableJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "people.api.schema.ScopedSchema",
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.KeysetPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "core.api.problems.problem_handler",
    "DEFAULT_THROTTLE_CLASSES": ["people.api.throttling.ViewerRateThrottle"],
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CS Ops API",
    "DESCRIPTION": "Tickets, customers, usage and health of one CS Ops installation.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.api.schema.document_refusals",
        "core.api.schema.add_code_samples",
    ],
    "ENUM_NAME_OVERRIDES": {
        "MessageKindEnum": "tickets.models.Message.Kind",
        "MacroKindEnum": "tickets.models.Macro.Kind",
        "CustomFieldKindEnum": "tickets.models.CustomField.Kind",
        "RevenueKindEnum": "customers.models.RevenueMovement.Kind",
        "HealthOverrideKindEnum": "health.models.HealthOverride.Kind",
        "HealthOverrideStateEnum": "health.models.HealthOverride.State",
        "TierEnum": "customers.models.Account.Tier",
        "LifecycleEnum": "customers.models.Account.Lifecycle",
        "GivenAddressKindEnum": ["email", "phone"],
        "CtaOutcomeEnum": "success.models.CTA.Outcome",
        "CtaKindEnum": "success.models.CTA.Kind",
        "CallOutcomeEnum": "tickets.models.Call.Outcome",
        "InvoiceStatusEnum": "customers.models.invoice.InvoiceState.Status",
        "UpsertStatusEnum": ["created", "updated", "unchanged", "refused"],
        "ConsentStatusEnum": "customers.models.ConsentEvent.Status",
        "ContactRoleEnum": ["sponsor", "buyer", "champion", "admin", "user"],
        "StaffRoleEnum": "people.roles.Role",
        "ModelAliasEnum": "ml.models.ModelAlias.Name",
        "ClassModeEnum": "ml.models.ClassMode.Mode",
        "ModelTrialEnum": ["canary", "shadow"],
    },
}

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if CELERY_BROKER_URL.startswith("redis"):
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CELERY_BROKER_URL,
    }

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "celery.utils.functional": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
