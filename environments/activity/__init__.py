"""Operations and Ona's audit log in one list, ordered by time: changes made through and outside the portal.

`actors` finds names of accounts, `query` parses URLs, `queries` merges both tables page by page, `rows` builds the
rows, `attribution` guesses who made an observed change outside the portal.
"""
