from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        """Every export says what this app knows of its moment; and a person may save which of its pages."""
        from environments import registration
        from environments.export_head import about
        from portal.exports.download import HEADS

        HEADS.append(about)
        registration.register()
