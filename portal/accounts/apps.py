from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.auth.signals import user_logged_in


class AccountsConfig(AppConfig):
    name = "portal.accounts"

    def ready(self) -> None:
        """Register the lists of people and saved views, what the palette finds of these, and the words of this app's
        operations; connect the access log."""
        from portal.accounts import access_signals
        from portal.accounts.palette import SOURCE
        from portal.accounts.people.list import PEOPLE
        from portal.accounts.saved_views.list import SAVED_VIEWS
        from portal.accounts.sessions.lifetimes import begin_session
        from portal.accounts.tokens.changes import CREATED, REVOKED
        from portal.ledger import labels
        from portal.lists.registry import register, register_for_api
        from portal.palette import sources

        register(PEOPLE)
        register_for_api(SAVED_VIEWS)
        sources.register(SOURCE)
        user_logged_in.connect(begin_session, dispatch_uid="begin_session")
        for label in ("account", "socialaccount", "mfa"):  # written by signing in and one's own pages alone
            tables = apps.get_app_config(label).get_models()
            admin.site.unregister([table for table in tables if admin.site.is_registered(table)])
        access_signals.connect()
        labels.ACTIONS |= {CREATED: "create API token", REVOKED: "revoke API token"}
