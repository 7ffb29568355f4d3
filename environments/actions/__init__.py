"""The only way anything is changed at Ona: see docs/actions.md.

registry         what an action is; every action by name
execute          how a change is made: permission, fresh read, ledger row, call, read-back, end
reconcile        what became of calls whose answer was never read
error_messages   why Ona refused, in words
lifecycle        start, stop, keep awake, archive, unarchive, delete
metadata         rename, set and clear the lockdown
specification    ports, timeout, git, keys, devcontainer, automations file, content, kernel controls; the values are
                 in specification_parts, the policies that limit them in specification_policies
acknowledgement  how far the runner has come with an edit of the specification
creation         environments from a context URL or a project
tokens           access and logs tokens
menu, losses     what the page of an environment offers; what would be lost
forms, views     the forms of actions, and the one view
"""
