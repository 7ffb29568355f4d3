from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.ona.log_hosts import allow_list


class AutomationsConfig(AppConfig):
    name = "automations"

    def ready(self) -> None:
        """Environments know no automations: tell them what would be lost, what can be done, how lost answers are
        proven, what happened and to what, and have them followed with theirs. And tell which lists can be saved."""
        from automations import saved, subjects, timeline
        from automations.actions import catalogue, proofs
        from automations.following import follow_environment
        from automations.losses import running_work
        from environments.actions import settling
        from environments.actions.catalogue import ACTIONS
        from environments.losses import SOURCES
        from environments.stream import lines
        from environments.timeline import sources
        from environments.watching import FOLLOWERS

        saved.register()
        lines.NAMED.update(subjects.NAMED)
        ACTIONS.update(catalogue.ACTIONS)
        settling.PROOFS.update(proofs.PROOFS)
        settling.SEARCHES.update(proofs.SEARCHES)

        try:
            allow_list(settings.LOG_HOSTS)
        except ValueError as error:
            raise ImproperlyConfigured(f"PORTAL_LOG_HOSTS: {error}") from None
        for source in (timeline.SERVICES, timeline.EXECUTIONS):
            if source not in sources.SOURCES:
                sources.SOURCES.append(source)
        if running_work not in SOURCES:
            SOURCES.append(running_work)
        if follow_environment not in FOLLOWERS:
            FOLLOWERS.append(follow_environment)
