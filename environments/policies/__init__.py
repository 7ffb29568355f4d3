"""What the organization's policies mean for an environment: one answer for pages, audits, searches and exports.

policy          the policies as observed at a time, in words, and over time
verdict         the columns of an environment that policies are judged by, and what a verdict is
lockdown        when the maximum lifetime locks it down
archiving       when a stopped one is archived; the statuses of the archive audit
deletion        when an archived one is deleted
unpushed_work   how long unpushed work has before the first of these takes it

For each question one function on `Facts`, for a row, and one condition or expression, for queries; the tests hold them
against each other. Nothing here knows which time is asked about: `now` and the policy are passed in.
"""
