from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "portal.outbox"

    def ready(self) -> None:
        """Register the lists."""
        from portal.lists.registry import register
        from portal.outbox.list import LISTS

        register(*LISTS)
