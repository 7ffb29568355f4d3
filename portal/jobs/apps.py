from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "portal.jobs"

    def ready(self) -> None:
        """Register the list of jobs, the kinds that are this room's own, and what open pages ask news of."""
        from portal.jobs import exports, kinds, verification
        from portal.jobs.list import JOBS
        from portal.jobs.models import SEE
        from portal.jobs.views import topic_token
        from portal.lists.export import IN_BACKGROUND
        from portal.lists.registry import register
        from portal.live.topics import TOPICS, Topic

        register(JOBS)
        kinds.register(exports.EXPORT, verification.VERIFICATION)
        IN_BACKGROUND.append(exports.in_background)
        TOPICS["job"] = Topic((SEE,), topic_token)
