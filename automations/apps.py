from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.ona.log_hosts import allow_list


class AutomationsConfig(AppConfig):
    name = "automations"

    def ready(self) -> None:
        """Environments know no automations: tell them what would be lost, what can be done, how lost answers are
        proven, what happened and to what, and have them followed with theirs. And tell which lists can be saved."""
        from automations import registration
        from automations.actions import reconcile as own_reconcile
        from automations.actions import registry as own_registry
        from automations.actions.losses import running_work
        from automations.environment_tab import timeline_source
        from automations.executions import activity_names
        from automations.sync.poller import follow_environment
        from environments.actions import reconcile
        from environments.actions.losses import SOURCES
        from environments.actions.registry import ACTIONS
        from environments.activity import rows
        from environments.detail.live_refresh import FOLLOWERS
        from environments.timeline import source as timeline

        registration.register()
        rows.NAMED.update(activity_names.NAMED)
        ACTIONS.update(own_registry.ACTIONS)
        reconcile.PROOFS.update(own_reconcile.PROOFS)
        reconcile.SEARCHES.update(own_reconcile.SEARCHES)

        try:
            allow_list(settings.LOG_HOSTS)
        except ValueError as error:
            raise ImproperlyConfigured(f"PORTAL_LOG_HOSTS: {error}") from None
        for source in (timeline_source.SERVICES, timeline_source.EXECUTIONS):
            if source not in timeline.SOURCES:
                timeline.SOURCES.append(source)
        if running_work not in SOURCES:
            SOURCES.append(running_work)
        if follow_environment not in FOLLOWERS:
            FOLLOWERS.append(follow_environment)
