"""The organization's secrets, without their values.

scopes    what a secret can belong to
sync      list scope by scope, find what is gone
merge     how listings get into the table, and what is counted there
reach     which environments a secret reaches, and which secrets an environment
listing   the list of secrets: filters, order, place
"""
