"""Every setting of the installation; what an operator changes comes from the environment.

docs/operators/settings.md lists the variables. Each may also be given as
``<NAME>_FILE``, a path to a file that holds the value.
"""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.management.utils import get_random_secret_key
from django.utils.translation import gettext_lazy as _

from modelmill.core import environment as env

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env.text("MODELMILL_VAR_DIR", str(BASE_DIR / "var")))

DEBUG = env.flag("DEBUG", False)
TESTING = env.flag("MODELMILL_TESTING", False)
# Where a test lets a process die; not from the environment, so no installation ever does.
KILL_POINTS = ""
# A key that lives as long as the process is only fit for trying things out:
# the launcher keeps one in VAR_DIR, a real installation sets its own.
SECRET_KEY = env.text("SECRET_KEY") or get_random_secret_key()
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
IS_HTTPS = env.flag("MODELMILL_HTTPS", False)

# ── The operator's name on the door ──
OPERATOR_NAME = env.text("MODELMILL_OPERATOR_NAME", "Modelmill")
OPERATOR_LOGO_URL = env.text("MODELMILL_OPERATOR_LOGO_URL")
# What invoices say of the operator, and how customers add money; line breaks are kept.
OPERATOR_ADDRESS = env.passage("MODELMILL_OPERATOR_ADDRESS", most=500)
OPERATOR_TAX_NUMBER = env.passage("MODELMILL_OPERATOR_TAX_NUMBER", most=50)
PAYMENT_TEXTS = {
    "en": env.passage("MODELMILL_PAYMENT_TEXT", most=1000),
    "zh-hans": env.passage("MODELMILL_PAYMENT_TEXT_ZH", most=1000),
}
# What a new organisation begins with; None leaves it to its plan.
WELCOME_MICRO = env.money_micro("MODELMILL_WELCOME_CREDIT")
PUBLIC_URL = env.text("MODELMILL_PUBLIC_URL", "http://localhost:8000").rstrip("/")
MODELMILL_KEY_MODE = env.text("MODELMILL_KEY_MODE", "live")

ROOMS = [
    "core",
    "tenants",
    "datasets",
    "catalog",
    "metering",
    "billing",
    "registry",
    "training",
    "inference",
    "api",
    "web",
    "cockpit",
]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    *[f"modelmill.{room}" for room in ROOMS],
]

MIDDLEWARE = [
    "modelmill.core.heads.HeadMiddleware",
    "modelmill.core.requests.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "modelmill.urls"
WSGI_APPLICATION = "modelmill.wsgi.application"
# A redirect to the slash turns a client's POST into a GET.
APPEND_SLASH = False
CSRF_FAILURE_VIEW = "modelmill.doors.csrf_failed"

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
                "django.template.context_processors.i18n",
                "modelmill.web.shell.shell_context",
            ],
        },
    }
]
# Forms are drawn by our own templates/django/forms.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# ── Database ──
DATABASES: dict[str, dict[str, Any]] = {
    "default": dict(
        dj_database_url.parse(
            env.text("DATABASE_URL", f"sqlite:///{VAR_DIR / 'modelmill.sqlite3'}"),
            conn_max_age=60,
            conn_health_checks=True,
        )
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Writers wait their turn for ten seconds instead of failing on a lock taken halfway.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 10,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES["default"]["TEST"] = {
        "NAME": env.text("MODELMILL_TEST_SQLITE", str(VAR_DIR / "test.sqlite3"))
    }
else:
    # Whoever is cut off hears so before a lease is over, and lets go of what a transaction holds.
    DATABASES["default"]["OPTIONS"] = {
        "options": "-c idle_in_transaction_session_timeout=45s",
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ── Redis: a doorbell, a waker of readers and a cache; nothing is lost with it ──
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
REDIS_PREFIX = env.text("MODELMILL_REDIS_PREFIX", "modelmill:")
# The limits on log-ins and sign-ups are counted here. Not in Redis: without it people shall get in,
# and nobody shall get more tries.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# ── Celery ──
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": REDIS_PREFIX,
    "visibility_timeout": 3600,
    "socket_connect_timeout": 2,
    # Whoever rings while the broker is away must not wait for it: the sweeps ring again.
    # (The worker's own reconnecting has other options and goes on for ever.)
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "socket_timeout": 10,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = {
    "workers.tasks.training.*": {"queue": "train"},
    "workers.tasks.inference.*": {"queue": "infer"},
    # The sweep must not wait behind the predictions it rings for.
    "workers.tasks.inference.sweep": {"queue": "control"},
    "workers.tasks.inference.expire": {"queue": "control"},
    # A tenant's server may be slow; nothing of ours waits behind it.
    "workers.tasks.webhooks.deliver": {"queue": "webhooks"},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# ── Files ──
MEDIA_ROOT = VAR_DIR / "storage"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [path for path in [BASE_DIR / "assets" / "dist"] if path.exists()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
# Vite writes a hash into each name; such a file never changes.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/built/.+-[\w-]{8}\.\w+$"
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 << 20
# Whether organisations may download the models they trained.
MODEL_DOWNLOADS = env.flag("MODELMILL_MODEL_DOWNLOADS", True)
FILE_MAX_BYTES = env.number("MODELMILL_FILE_MAX_BYTES", 8 << 30)
STORAGE_QUOTA_BYTES = env.number("MODELMILL_STORAGE_QUOTA_BYTES", 100 << 30)
INTAKE_MAX_S = env.number("MODELMILL_INTAKE_MAX_S", 3600)
INTAKE_MEMORY_BYTES = env.number("MODELMILL_INTAKE_MEMORY_BYTES", 4 << 30)

# ── Accounts ──
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": name}
    for name in (
        "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "modelmill.web.passwords.MinimumLength",
        "django.contrib.auth.password_validation.CommonPasswordValidator",
        "django.contrib.auth.password_validation.NumericPasswordValidator",
    )
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_FORMS = {
    "login": "modelmill.web.accounts.LoginForm",
    "signup": "modelmill.web.accounts.SignupForm",
    "add_email": "modelmill.web.accounts.AddEmailForm",
    "reset_password": "modelmill.web.accounts.ResetPasswordForm",
    "reauthenticate": "modelmill.web.accounts.ReauthenticateForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/home"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": [
            "'self'",
            "data:",
            "blob:",
            *([OPERATOR_LOGO_URL] if OPERATOR_LOGO_URL.startswith("http") else []),
        ],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}

# ── Mail ──
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Modelmill <mill@localhost>")

# ── Languages ──
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ── API ──
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "modelmill.api.framework.authentication.CallerAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["modelmill.api.framework.parsers.BoundedJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "modelmill.api.framework.negotiation.OnlyForm",
    "DEFAULT_SCHEMA_CLASS": "modelmill.api.framework.schema.MillSchema",
    "EXCEPTION_HANDLER": "modelmill.api.framework.envelope.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Modelmill API",
    "DESCRIPTION": "Train and use models in OpenAI's conventions: its client works as it is.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"docExpansion": "list", "defaultModelsExpandDepth": 0},
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/v1",
    "SCHEMA_PATH_PREFIX_INSERT": "",
    # Fields of one name with different choices: without a name here the generator makes up one.
    "ENUM_NAME_OVERRIDES": {
        "DatasetVersionObjectEnum": ["dataset.version"],
        "DatasetVersionStatusEnum": "modelmill.datasets.models.DatasetVersion.State",
        "UploadObjectEnum": ["upload"],
        "UploadStatusEnum": "modelmill.datasets.models.Upload.Status",
    },
}
# Requests that wait or stream at once, in one web process; fewer than its threads.
WAITING_MAX = env.number("MODELMILL_WAITING_MAX", 12, least=1)

# ── Training ──
LEASE_S = env.number("MODELMILL_LEASE_S", 60, least=1)
HEARTBEAT_S = env.number("MODELMILL_HEARTBEAT_S", 15, least=1)
CHECKPOINT_EVERY_S = env.number("MODELMILL_CHECKPOINT_EVERY_S", 60)
CHECKPOINT_KEEP_DAYS = env.number("MODELMILL_CHECKPOINT_KEEP_DAYS", 30)
# What a job remembers of checkpoints whose bytes are gone; 0 is all of them.
CHECKPOINTS_LISTED = env.number("MODELMILL_CHECKPOINTS_LISTED", 200)
MAX_ATTEMPTS = env.number("MODELMILL_MAX_ATTEMPTS", 3, least=1)
# What is set aside when a job is submitted, and how long it may train in all its attempts.
TRAIN_RESERVE_S = env.number("MODELMILL_TRAIN_RESERVE_S", 120)
TRAIN_MAX_S = env.number("MODELMILL_TRAIN_MAX_S", 86_400)
# First steps that tell the cost, unbilled, of a job and a tenant's day; finishing at a limit.
QUOTE_WITHIN_S = env.number("MODELMILL_QUOTE_WITHIN_S", 120)
QUOTE_FREE_S = env.number("MODELMILL_QUOTE_FREE_S", 1800)
FINISH_WITHIN_S = env.number("MODELMILL_FINISH_WITHIN_S", 120)
PLUGIN_THREADS = env.number("MODELMILL_PLUGIN_THREADS", 0)
DEVICES_PER_JOB = env.number("MODELMILL_DEVICES_PER_JOB", 1, least=1)
# Folders with plugins that are not installed as distributions, for development.
PLUGIN_PATHS = [Path(path) for path in env.words("MODELMILL_PLUGIN_PATHS")]
# What a process that plugins' processes are forked from imports ahead; "none" starts each afresh.
WARM_IMPORTS = tuple(
    name
    for name in env.words(
        "MODELMILL_WARM_IMPORTS",
        "numpy,PIL.Image:preinit,pyarrow.parquet,pandas,datasets,torch,safetensors.torch,tokenizers,"
        "transformers.modeling_utils,transformers.models.auto.modeling_auto,"
        "transformers.models.auto.tokenization_auto,transformers.models.qwen3.modeling_qwen3,"
        "transformers.generation.continuous_batching,peft,sklearn.metrics,psutil,"
        # Builds a thousand regular expressions at its first use.
        "transformers.conversion_mapping:get_checkpoint_conversion_mapping:qwen3",
    )
    if name != "none"
)
# Virtual environments with plugins of their own, or folders of such.
PLUGIN_ENVIRONMENTS = [Path(path) for path in env.words("MODELMILL_PLUGIN_ENVIRONMENTS")]
# What a plugin's process may take, and how it is shut in: docs/operators/sandbox.md.
PLUGINS_L2 = env.words("MODELMILL_PLUGINS_L2")
PLUGIN_MEMORY_MIB = env.number("MODELMILL_PLUGIN_MEMORY_MIB", 0)
PLUGIN_DISK_MIB = env.number("MODELMILL_PLUGIN_DISK_MIB", 100_000)
PLUGIN_PROCESSES = env.number("MODELMILL_PLUGIN_PROCESSES", 1024)
PLUGIN_CONTROL_GROUP = env.text("MODELMILL_PLUGIN_CONTROL_GROUP")

# ── Metering ──
# Whether each request with an API key is counted, and needs a balance once it has a price.
API_REQUESTS_METERED = env.flag("MODELMILL_METER_API_REQUESTS", False)
# Where a web process keeps its counts until they are in the database; a disk of its own machine.
USAGE_SPOOL_DIR = Path(env.text("MODELMILL_USAGE_SPOOL_DIR", str(VAR_DIR / "usage")))
# How often it takes them there; 0 leaves it to the control workers of its machine.
USAGE_FLUSH_S = 1.0
# Files with uses that could not be recorded; of more than these the oldest are deleted, and logged.
USAGE_REFUSED_MAX = env.number("MODELMILL_USAGE_REFUSED_MAX", 1000)
STORAGE_SAMPLE_S = env.number("MODELMILL_STORAGE_SAMPLE_S", 300)

# ── Inference ──
# Memory of all warm models of one worker process; 0 is half of the machine's.
SERVING_MEMORY_MIB = env.number("MODELMILL_SERVING_MEMORY_MIB", 0)
SERVING_DISK_MIB = env.number("MODELMILL_SERVING_DISK_MIB", 50_000)
SERVING_IDLE_S = env.number("MODELMILL_SERVING_IDLE_S", 600)
PREDICTION_LEASE_S = env.number("MODELMILL_PREDICTION_LEASE_S", 30)
PREDICTION_TIMEOUT_S = env.number("MODELMILL_PREDICTION_TIMEOUT_S", 600)
OUTPUT_KEEP_DAYS = env.number("MODELMILL_OUTPUT_KEEP_DAYS", 30)

# ── Webhooks ──
# Networks inside that webhooks may reach all the same, such as 10.1.0.0/16; http is for them alone.
WEBHOOK_PRIVATE_NETWORKS = env.words("MODELMILL_WEBHOOK_PRIVATE_NETWORKS")
WEBHOOK_HTTP_ALLOWED = env.flag("MODELMILL_WEBHOOK_HTTP_ALLOWED", False)

# ── Logs ──
LOG_FORMAT = env.text("MODELMILL_LOG_FORMAT", "console")
LOGGING_CONFIG = "modelmill.core.logs.configure"
LOGGING: dict[str, Any] = {"level": env.text("LOG_LEVEL", "INFO"), "format": LOG_FORMAT}

MODELMILL_LANGUAGE_NAMES = {"en": _("English"), "zh-hans": _("Simplified Chinese")}
