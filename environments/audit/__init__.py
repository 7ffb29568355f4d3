"""The audits of lockdown and archive: what every environment's status is, and why, now or at any past moment.

policy       the organization's policies as observed at a moment, in words
lockdown     the lockdown status of an environment, and its explanation
archive      the archive status of an environment, and its explanation
facts        what both judge by
as_of        the organization as it was known at a moment, rebuilt from transitions
changes      who moved or cleared lockdowns, and why
forecast     what will happen in the next thirty days
what_if      what other policies would hit
hits         whom one of them would hit, all of them
state        an audit as its address names it
rows         what a line of an audit tells
work         how long unpushed work has
"""
