"""What the offline provider can do by itself, from words alone.

Pure: words in, an ``Outcome`` or nothing out; the clock and the dice are arguments. Speech that matches no
skill gives nothing, and the session takes it elsewhere. Sockets, sound and tools that run belong to others.
"""
