"""What ends a push before the new machine is enrolled; the text says to people what failed."""


class PushFailed(Exception):
    """str(error) goes to whoever asked for it: what failed, where it can be known why, and nothing secret."""
