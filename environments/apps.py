from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        from environments import registration
        from environments.as_of import views

        registration.register()
        pre_migrate.connect(views.drop, sender=self)
        post_migrate.connect(views.make, sender=self)
