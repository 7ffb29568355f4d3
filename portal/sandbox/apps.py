"""A Django app only so that `manage.py sandbox` is found; nothing else here knows Django."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """The stand-in Ona. It has no tables."""

    name = "portal.sandbox"
    label = "sandbox"
