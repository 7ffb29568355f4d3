from django.apps import AppConfig


class AutomationsConfig(AppConfig):
    name = "automations"

    def ready(self) -> None:
        """Environments know no automations: tell them what would be lost."""
        from automations.losses import running_work
        from environments.losses import SOURCES

        if running_work not in SOURCES:
            SOURCES.append(running_work)
