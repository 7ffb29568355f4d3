from django.apps import AppConfig


class AutomationsConfig(AppConfig):
    name = "automations"

    def ready(self) -> None:
        """Environments know no automations: tell them what would be lost, and have them followed with theirs."""
        from automations.following import follow_environment
        from automations.losses import running_work
        from environments.losses import SOURCES
        from environments.watching import FOLLOWERS

        if running_work not in SOURCES:
            SOURCES.append(running_work)
        if follow_environment not in FOLLOWERS:
            FOLLOWERS.append(follow_environment)
