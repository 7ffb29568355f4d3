from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "portal.ledger"

    def ready(self) -> None:
        """Tell that a person may save the list of operations."""
        from portal.ledger.query import read_state
        from portal.lists.registry import SAVABLE, Savable, of_place

        permissions = ("ledger.view_operation",)
        SAVABLE["operations:list"] = Savable("Operations", permissions, lambda data: of_place(read_state(data).place))
