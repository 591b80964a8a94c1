"""A provider in a process of its own: no key, no network.

A program for itself that happens to travel with us: a websocket server on this machine that speaks the
OpenAI Realtime protocol, with a recogniser, a voice and a few skills behind it. It imports ``errors`` and
``core.audio`` of ours and nothing else, least of all a dialect: it is the other party, and a wrong field name
must fail between the two instead of cancelling out.
"""
