"""The lists of this app as tables for files: `portal.web.exporting.Export`.

executions   what tasks did, everywhere
references   tasks and services by reference, and the environments that have one
batches      batches, and the environments of one
"""
