"""What the model may have done here: each tool with its description, run as a task, answered as an event.

An edge: it knows the core's vocabulary and the clock, and nothing of providers, sound or the screen.
"""
