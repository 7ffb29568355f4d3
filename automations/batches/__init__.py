"""One thing asked for in many environments.

choosing   where it will run, where it cannot, and why
asking     begin a batch, cancel it
driving    what a worker does for it, and goes on with after another worker died
"""
