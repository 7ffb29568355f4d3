from django.apps import AppConfig


class WatchingConfig(AppConfig):
    name = "portal.watching"
