"""The timeline of one environment: its picture, the list beneath, and the versions of its specification.

`lanes` turns observed states into bars, `observed` finds when nothing was observed; both are pure. A `source` supplies
the data: this app's sources read its own tables, other apps register theirs. `drawing` computes positions on the page.
"""
