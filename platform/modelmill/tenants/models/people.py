"""Users, tenants, members, invitations, API keys, the audit log."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.owned import TenantOwned
from modelmill.tenants.permissions import Role


def tenant_id() -> str:
    """Return a fresh tenant id."""
    return new_id("org")


def invitation_id() -> str:
    """Return a fresh invitation id."""
    return new_id("invite")


def api_key_id() -> str:
    """Return a fresh API key id; it names the key and opens nothing."""
    return new_id("key")


class UserManager(BaseUserManager["User"]):
    """Makes users, who log in by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Create a user; without a password nobody can log in as them."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: object) -> "User":
        """Create an operator with every right."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Staff are the operator's people and may enter the cockpit."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.name or self.email


class Tenant(models.Model):
    """A customer organisation."""

    class State(models.TextChoices):
        """Whether the tenant may work."""

        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=tenant_id)
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    language = models.CharField(_("language"), max_length=12, default="en")
    # What invoices say of it; each is frozen into an invoice when that is closed.
    billing_name = models.CharField(max_length=200, blank=True)
    billing_address = models.CharField(max_length=500, blank=True)
    tax_number = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Member(TenantOwned):
    """A user's place in a tenant, and which of its jobs they want e-mails about."""

    class JobMail(models.TextChoices):
        """After which jobs an e-mail is sent."""

        NEVER = "never", _("Never")
        FAILED = "failed", _("When one fails")
        ENDED = "ended", _("When one is done, fails or is cancelled")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=12, choices=Role.choices)
    job_mail = models.CharField(max_length=6, choices=JobMail.choices, default=JobMail.NEVER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="member_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="member_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(TenantOwned):
    """An e-mailed offer of a place in a tenant; its secret is stored only as a hash."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=invitation_id)
    email = models.EmailField()
    role = models.CharField(max_length=12, choices=Role.choices)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at=None),
                name="invitation_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} ({self.role})"


class ApiKey(TenantOwned):
    """A program's key. The secret is shown once and stored as a SHA-256."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=api_key_id)
    name = models.CharField(_("name"), max_length=100)
    hint = models.CharField(max_length=20)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="api_key_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"

    @property
    def is_expired(self) -> bool:
        """Say whether the key's time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class AuditEntry(TenantOwned):
    """One thing somebody did, kept for the tenant to read; never changed."""

    action = models.CharField(max_length=60)
    actor = models.CharField(max_length=200)
    object_id = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta(TenantOwned.Meta):
        indexes = [models.Index(fields=["tenant", "-at"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"
