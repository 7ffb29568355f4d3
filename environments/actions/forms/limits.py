"""The vendor's rules for UpdateEnvironmentRequest.Spec (buf.validate), as the forms check them.

tests/environments/actions/test_editor_limits.py reads the rules from the vendor's descriptors and compares.
"""

from __future__ import annotations

import re
from datetime import timedelta

LOWEST_PORT, HIGHEST_PORT = 1024, 65535
SHORTEST_PORT_NAME, LONGEST_PORT_NAME = 1, 100
SHORTEST_TIMEOUT = timedelta(minutes=30)  # or never, which is zero
RELATIVE_PATH = re.compile(r"^$|^[^/].*")

# not a rule of Ona's, but of the protobuf message its durations travel in
LONGEST_DURATION = timedelta(seconds=315_576_000_000)

# a lockdown lies at least so far ahead, as Ona judges it
SOONEST_LOCKDOWN = timedelta(minutes=1)
