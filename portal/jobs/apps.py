from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "portal.jobs"

    def ready(self) -> None:
        """Register the list of jobs, and what open pages ask news of."""
        from portal.jobs.list import JOBS
        from portal.jobs.models import SEE
        from portal.jobs.views import topic_token
        from portal.lists.registry import register
        from portal.live.topics import TOPICS, Topic

        register(JOBS)
        TOPICS["job"] = Topic((SEE,), topic_token)
