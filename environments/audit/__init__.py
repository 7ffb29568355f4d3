"""The audits of lockdown and archive: what every environment's status is, and why, now or at any past time.

changes      who moved or cleared lockdowns, and why
forecast     what will happen in the next thirty days
what_if      what other policies would hit
hits         whom one of them would hit, all of them
state        an audit as its address names it
rows         what a line of an audit tells
"""
