from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "portal.ledger"

    def ready(self) -> None:
        """Register the list of operations, and what the palette finds of them."""
        from portal.ledger.list import OPERATIONS
        from portal.ledger.palette import SOURCE
        from portal.lists.registry import register
        from portal.palette import sources

        register(OPERATIONS)
        sources.register(SOURCE)
