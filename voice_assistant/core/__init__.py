"""What the program decides: values in, values out.

Nothing here knows a clock, a socket, a thread or a device; time arrives as an argument.
Only the standard library's pure part, numpy, webrtcvad and the WebRTC audio wheel are imported.
"""
