from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "portal.directory"

    def ready(self) -> None:
        """Register the lists of the REST API."""
        from portal.directory.list import LISTS
        from portal.lists.registry import register_for_api

        register_for_api(*LISTS)
