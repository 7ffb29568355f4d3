"""One action in many environments: on their tasks or services, or on themselves.

registry      which actions, and how each is done, followed, and ends
plan          where it would be done, where it cannot be, and why
eligibility   for how many environments an action is possible, without reading each
start         begin a batch, cancel it
worker        what a worker does for it, and continues after another worker died
outcomes      when an item has ended, and how
"""
