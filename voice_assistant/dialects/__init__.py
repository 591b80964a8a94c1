"""How each provider says it on the wire: commands to messages, messages to events.

Pure, as the core is: a dialect remembers what its protocol makes it remember, and never the time.
"""
