"""A Causeway peer in Python, written from the protocol's description."""
