"""The only way automations are changed at Ona (EnvironmentAutomationService), by the ledger as all changes.

catalogue       what can be done: permission, what stands against it
performing      how it is done: fresh read, ledger row, call, read-back, end
services        start, stop, create, update, delete services
tasks           start, create, update, delete tasks; stop executions
file            apply an automations file
proofs          what became of calls whose answer was never read
"""
