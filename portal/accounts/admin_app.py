"""Django's admin with the portal's own site."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """Stands in INSTALLED_APPS for django.contrib.admin."""

    default_site = "portal.accounts.admin_site.PortalAdminSite"
