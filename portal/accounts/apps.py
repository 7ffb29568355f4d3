from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"

    def ready(self) -> None:
        """Register what the palette finds of saved views."""
        from portal.accounts.palette import SOURCE
        from portal.palette import sources

        sources.register(SOURCE)
