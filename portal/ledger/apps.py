from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "portal.ledger"

    def ready(self) -> None:
        """Make the list of operations known."""
        from portal.ledger.list import OPERATIONS
        from portal.lists.registry import register

        register(OPERATIONS)
