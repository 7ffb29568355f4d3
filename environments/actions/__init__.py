"""The only way anything is changed at Ona.

catalogue       what can be done: permission, what it asks for, when it is possible, how Ona follows
performing      how it is done: ledger row, fresh read, call, read-back, end
lifecycle       start, stop, keep awake, archive, unarchive, delete, rename, lockdown
specification   ports, timeout, git, keys, devcontainer, automations file, content, kernel controls; its values are read
                by specification_parts, the policies that limit it by specification_policies
following       how far the runner has come with an edit of the specification
creation        environments from a context URL or a project
tokens          access and logs tokens
secrets         secrets of projects, people and the organization
settling        what became of calls whose answer was never read
"""
