from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "portal.ledger"

    def ready(self) -> None:
        """Register the lists of operations and of the access log, and what the palette finds of them."""
        from portal.ledger.access_log.list import ACCESS_LOG
        from portal.ledger.list import OPERATIONS
        from portal.ledger.palette import SOURCE
        from portal.lists.registry import register
        from portal.palette import sources

        register(OPERATIONS, ACCESS_LOG)
        sources.register(SOURCE)
