"""The only way automations are changed at Ona (EnvironmentAutomationService), by `environments.actions.execute`.

change               a change of what lives inside an environment, and what it reads
services, tasks      start, stop, create, update and delete; stop executions
file                 apply an automations file
merge_with_current   what a change takes over from what Ona has at that time
reconcile            what became of calls whose answer was never read; of starts of tasks, task_start_reconcile
"""
