"""What `/` shows, kept by the sync: `keeping.keep` brings it up to date after a sweep, `environments.overview.views`
only reads it.

Counts and failures follow every sweep; what looks back over days (running time, start-ups, charts) follows every few
minutes. Hours and days in which nothing was observed have no rows, and are shown as that.
"""
