from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.ona.log_hosts import allow_list


class AutomationsConfig(AppConfig):
    name = "automations"

    def ready(self) -> None:
        from automations import registration

        registration.register()
        try:
            allow_list(settings.LOG_HOSTS)
        except ValueError as error:
            raise ImproperlyConfigured(f"PORTAL_LOG_HOSTS: {error}") from None
