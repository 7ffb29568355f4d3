"""Pictures of every page at 1440 and 390 pixels, light and dark: python -m tests.browser.screenshots DIRECTORY [NAME…]

Only the scenes named, where any are. `--readme docs` takes the README's pictures into that folder. It starts a Postgres
and a Redis of its own, as the tests do. Names in the world's scripts need fonts for them, such as Noto's.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import tests.services  # noqa: F401  (Postgres and Redis of its own, before Django reads its settings)

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "yes"  # Playwright keeps an event loop in this thread
os.environ["PORTAL_LOG_LEVEL"] = "CRITICAL"


def main() -> None:
    """Take what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--readme", type=Path)
    asked = parser.parse_args()
    import django

    django.setup()
    from tests.browser import camera

    with camera.portal() as url, camera.browser() as browser:
        if asked.readme:
            camera.take_readme(browser, url, asked.readme)
        elif asked.directory:
            camera.take_all(browser, url, asked.directory, set(asked.names))


if __name__ == "__main__":
    main()
