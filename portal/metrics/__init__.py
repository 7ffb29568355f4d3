"""`/metrics` for Prometheus: one collector over what stands in Postgres and Redis, right for any number of processes.

What was not observed is absent: a count of environments that nobody read for an hour is no count.
"""
