"""Operations and Ona's own audit log in one stream: what was done through the portal, and what was done outside it.

`actors` names accounts, `state` reads addresses, `reading` merges both tables page by page, `lines` says it in words.
"""
