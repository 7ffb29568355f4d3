"""The audits of lockdown and archive: what every environment's status is, and why, now or at any past time.

list               both audits, and who changed lockdowns, as lists
query              what an audit is read and judged by
rows, cells        what a line of an audit tells, and as HTML
counts, forecast   how many there are, and what will happen in the next thirty days
lockdown_history   who set, moved or cleared lockdowns, and why
what_if            what other policies would hit; what_if_list: whom one of them would hit, all of them
"""
