from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        """Every export says what this app knows of its moment."""
        from environments.exports.about import about
        from portal.web.downloads import HEADS

        HEADS.append(about)
