"""The figures of `/`: `refresh` stores them after each full listing, `views` only reads them.

Counts and failures are refreshed after every listing; what covers days (running time, start-ups, charts) every few
minutes. Hours and days without observation have no rows and are shown as such.
"""
