from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "portal.ledger"

    def ready(self) -> None:
        """Register the list of operations."""
        from portal.ledger.list import OPERATIONS
        from portal.lists.registry import register

        register(OPERATIONS)
