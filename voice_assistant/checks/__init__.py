"""The doctor's checks: each looks at one part of the program as it would be used, and says what it found.

They use the parts themselves (a device is opened, a session is begun) and end by themselves; that none of
them hangs for ever is the doctor's business.
"""
