from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"

    def ready(self) -> None:
        """Register what the palette finds of saved views, and the words of this app's operations."""
        from portal.accounts.palette import SOURCE
        from portal.accounts.tokens import scheme as scheme
        from portal.accounts.tokens.changes import CREATED, REVOKED
        from portal.ledger import labels
        from portal.palette import sources

        sources.register(SOURCE)
        labels.ACTIONS |= {CREATED: "create API token", REVOKED: "revoke API token"}
