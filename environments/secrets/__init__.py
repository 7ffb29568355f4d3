"""The organization's secrets, without their values.

scopes    what a secret can belong to
sync      sync run: list scope by scope, mark what is no longer listed as deleted
upsert    write listings into the table; count uses and reach
reach     which environments a secret reaches, and which secrets an environment
list      the list of secrets
actions   create, update the value, delete
"""
