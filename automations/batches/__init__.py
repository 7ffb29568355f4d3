"""One thing asked for in many environments: of their tasks or services, or of themselves.

kinds      what can be asked for: how environments are chosen for it, how it is asked, followed, and ends
choosing   where it will be asked for, where it cannot be, and why
standing   for how many environments an action is possible, without reading each
asking     begin a batch, cancel it
driving    what a worker does for it, and goes on with after another worker died
ending     when an item has ended, and how
"""
