"""The pages of members, projects, runners and classes: what belongs to each, and the lists with exactly that.

A `Noun` declares one kind; address, page and endpoint follow from it.
"""
