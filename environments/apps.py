from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        """Every export says what this app knows of its moment; and a person may save which of its pages."""
        from environments import saved
        from environments.exports.about import about
        from portal.web.downloads import HEADS

        HEADS.append(about)
        saved.register()
