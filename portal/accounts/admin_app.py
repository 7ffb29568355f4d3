"""Django's admin with the portal's own site."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """Replaces django.contrib.admin in INSTALLED_APPS."""

    default_site = "portal.accounts.admin_site.PortalAdminSite"
