from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.directory.check import check
from portal.directory.connection import current_token, ona


class Command(BaseCommand):
    help = "Explain what the portal's token for Ona is, until when, what it sees and what it lacks."

    def handle(self, *args: Any, **options: Any) -> None:
        if not current_token():
            file = settings.ONA_TOKEN_FILE
            raise CommandError(f"There is no token in {file}." if file else "ONA_API_KEY is not set.")
        try:
            client = ona()
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Ona at {settings.ONA_BASE_URL}")
        lacking = []
        for finding in check(client):
            style = self.style.SUCCESS if finding.well else self.style.ERROR
            self.stdout.write(f"{style('ok  ' if finding.well else 'FAIL')} {finding.subject}: {finding.text}")
            if finding.needed and not finding.well:
                lacking.append(finding.subject)
        if lacking:
            raise CommandError(f"The portal cannot work with this token: {', '.join(lacking)}.")
