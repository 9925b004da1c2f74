"""Whose certificates count when the hub speaks to others: the system's authorities, and those of its own network."""

import ssl


def trusting(authority: str) -> ssl.SSLContext:
    """A context that checks names and certificates. `authority`: PEM, "" where there is none of its own."""
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    return context
