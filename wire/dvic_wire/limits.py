"""Every limit that both sides of the wire share, with its unit. Listed in `docs/settings.md`, checked by a test."""

PROTOCOL_VERSIONS = (1,)
"""Versions of the protocol that this build speaks, best first."""

MAX_FRAME_BYTES = 4 * 1024 * 1024
"""One WebSocket frame as it travels, bytes."""

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""One message after inflating, bytes of JSON."""

MAX_HANDSHAKE_BYTES = 64 * 1024
"""One frame before both sides have proved who they are, bytes."""

MAX_CONTROL_BYTES = 64 * 1024
"""One message of an agent that is no batch, bytes of JSON."""

MAX_DEPTH = 16
"""Nesting of arrays and objects in one message."""

MAX_RECORDS = 2000
"""Records in one batch."""

MAX_RECORD_TEXT = 1024 * 1024
"""The message of one log record, characters; what is longer is cut and says how much was cut."""

MAX_FIELDS = 64
"""Extra fields of one log record."""

MAX_FIELD_TEXT = 16 * 1024
"""One extra field of a log record, characters."""

MAX_STREAM_NAME = 200
"""Characters of a stream's name."""

MAX_CURSOR = 512
"""Characters of a cursor."""

MAX_STREAMS = 5000
"""Streams that one node may have open at a time."""

MAX_NAME = 64
"""Characters of a node's name, a tag's key or value, a user's name."""

MAX_SIGNED_BYTES = 256 * 1024
"""One signed message (JWS), bytes; a run's script travels inside one."""

MAX_SELECTOR = 1000
"""Characters of a selector."""

MAX_STATUS_TEXT = 256
"""Characters of the status text in a keepalive."""

MAX_KEEPALIVE_NUMBERS = 32
"""Numbers that a device may carry in a keepalive."""

REPLAY_WINDOW = 64
"""Serials behind the highest seen that may still arrive late, once each."""

KEEPALIVE_TTL = 300
"""Seconds that a keepalive which is not bound to a connection stays valid; also the clock difference it tolerates."""

RUN_REQUEST_TTL = 120
"""Seconds that the hub's signature under a run request is valid."""

MAX_ABOUT_BYTES = 64 * 1024
"""What a batch says about its stream (`about`), bytes of JSON."""

MAX_METRICS = 4000
"""Values in one hardware sample."""

MAX_METRIC_NAME = 200
"""Characters of a metric's name."""

MAX_DEMOS = 5000
"""Processes in one record of the demos stream."""

MAX_CONTAINER_STATES = 1500
"""Containers in one record of the containers stream."""

MAX_PACKAGE_BYTES = 4 * 1024 * 1024
"""One histogram package as its file holds it, bytes."""

MAX_OBJECTS = 1000
"""Histograms and graphs of one package."""

MAX_OBJECT_BYTES = 2 * 1024 * 1024
"""One histogram or graph, bytes of JSON."""

MAX_OBJECT_NAME = 200
"""Characters of the name of a histogram or graph; also of titles and labels."""

MAX_BINS = 400_000
"""Bins of one histogram, those for underflow and overflow among them."""

MAX_POINTS = 100_000
"""Points of one graph."""

MAX_LAYOUT_BYTES = 256 * 1024
"""A package's layout, bytes."""
