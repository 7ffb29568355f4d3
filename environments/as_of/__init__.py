"""The time that pages speak of: now, or a past time whose state follows from what was recorded.

clock      the time that questions are asked about
context    one page's `as_of`: from its address to what its templates show
recorded   what is recorded over time, and what is stored as of now alone
views      the tables as of a past time, put before those of now
past       the ranges of time they read: made again, and compared with what was recorded

A page reads its `AsOf` and asks everything within `reading()`. Queries, filters, counts and policies then need not know
which time it is; what differs in the past is answered here: `live`, `acting`, `when`, `recorded.only`.
"""
