"""Background jobs: long work that somebody requests, a worker does, and whose result waits to be fetched.

kinds    the declaration of a kind of job, and all kinds
models   the jobs, and their results in pieces
start    request a job; cancel one
queue    which worker runs which job: leases, each moved by one conditional statement
work     what a kind of job works with: its file, its progress, and whether it is to stop
run      run one job from its lease to its end
results  store a result and read it again; delete what has expired
list     the list of jobs
exports, verification   the kinds that belong to no room above this one
"""
