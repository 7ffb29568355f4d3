from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "portal.web"

    def ready(self) -> None:
        from portal.web import timestamps

        timestamps.read_in_c()
