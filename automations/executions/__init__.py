"""The lists of `/automations/`: of executions, and of what has a task or a service of one reference."""
