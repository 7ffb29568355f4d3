"""What happened to one environment, in which order, as far as it was seen: the picture, the list beneath it, and the
versions of the specification.

`lanes` makes bars of what was seen and `observed` tells when anything was; both are pure. `sources` is where it comes
from: this app's own tables here, those of other apps through a list. `drawing` turns it into places on the page.
"""
