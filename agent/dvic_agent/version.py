"""The agent's version, told to the hub; the same as in setup.cfg (a test compares them)."""

VERSION = "0.1.0"
