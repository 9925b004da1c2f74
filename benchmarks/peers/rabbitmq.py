"""RabbitMQ with STOMP over WebSocket, as a peer: own data folder, loopback only, pinned to one core, ended by its pid.

    broker = rabbitmq.start(core=0, folder=Path("/tmp/x"))
    broker.stomp_url          # ws://127.0.0.1:PORT/ws, user guest, password guest
    broker.stop()

Settings, as its documentation recommends them (rabbitmq.com: runtime, networking, web-stomp, production checklist):
- one scheduler for one core, and no busy waiting (`+S 1:1 +sbwt none`): on a core that is shared with nothing else both
  only cost time; the JIT is on where Erlang has it (25 and later);
- no management or statistics plugin: statistics cost each message;
- permessage-deflate off and text frames, as at our side; TCP_NODELAY; credit flow as it comes;
- the disk and memory alarms well away, so that it is never held back by them.
For fan-out: transient messages to a topic, `ack:auto`, no receipts. For ingest: `persistent:true` to a durable queue,
with receipts, which RabbitMQ answers after the message is on the disk.
"""

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from processes import Program, free_port, need, wait_for_port
from processes import start as start_program

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PLUGINS = ("rabbitmq_stomp", "rabbitmq_web_stomp")

_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
stomp.listeners.tcp.1 = 127.0.0.1:{stomp}
web_stomp.tcp.listener = 127.0.0.1:{web}
web_stomp.ws_frame = text
web_stomp.ws_opts.compress = false
web_stomp.cowboy_opts.max_keepalive = 1000000
stomp.tcp_listen_options.nodelay = true
tcp_listen_options.nodelay = true
vm_memory_high_watermark.relative = 0.7
disk_free_limit.absolute = 100MB
collect_statistics_interval = 60000
log.console = true
log.console.level = warning
log.file = false
"""


@dataclass
class Broker:
    """A running broker. `program` is the Erlang machine, `mapper` its port mapper."""

    program: Program
    mapper: Program
    stomp_url: str
    stomp_port: int

    def stop(self) -> None:
        self.program.stop()
        self.mapper.stop()


def start(core: int | None, folder: Path, schedulers: int = 1) -> Broker:
    """Start a broker with its data in `folder` and wait until it takes WebSockets. SystemExit when it can't.
    `schedulers`: as many as it has cores."""
    need("rabbitmq-server", "rabbitmq-server")
    home = folder / "rabbitmq"
    home.mkdir(parents=True)
    amqp, stomp, web, distribution, mapping = (free_port() for _ in range(5))
    config, plugins = home / "rabbitmq.conf", home / "enabled_plugins"
    config.write_text(_CONFIG.format(amqp=amqp, stomp=stomp, web=web))
    plugins.write_text(f"[{','.join(PLUGINS)}].\n")
    cookie = home / ".erlang.cookie"
    cookie.write_text(secrets.token_hex(16))
    cookie.chmod(0o600)
    env = {
        "HOME": str(home), "ERL_EPMD_PORT": str(mapping), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"dvic{os.getpid()}@localhost", "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONFIG_FILE": str(config), "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_CONF_ENV_FILE": str(home / "none.conf"), "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "none.config"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"), "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"+S {schedulers}:{schedulers} +SDcpu {schedulers}:{schedulers} "
                                               "+sbwt none +sbwtdcpu none +sbwtdio none",
    }
    mapper = start_program("epmd", [need("epmd", "erlang-base"), "-port", str(mapping), "-address", "127.0.0.1"],
                           log=home / "epmd.log", env=env)
    try:
        wait_for_port(mapping, mapper)
        program = start_program("rabbitmq", [SERVER], core=core, log=home / "server.log", env=env, cwd=home)
        try:
            wait_for_port(web, program, patience=120)
        except BaseException:
            program.stop()
            raise
    except BaseException:
        mapper.stop()
        raise
    time.sleep(1)  # the listener opens before the last of the boot steps
    return Broker(program, mapper, f"ws://127.0.0.1:{web}/ws", stomp)


def frame(command: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A STOMP 1.2 frame. Header values are the benchmark's own and hold nothing to be escaped."""
    head = "".join(f"{name}:{value}\n" for name, value in headers.items())
    return f"{command}\n{head}\n".encode() + body + b"\0"


def connect_frame() -> bytes:
    """Signs in as guest, whom RabbitMQ lets in from this machine; without heart-beats."""
    return frame("CONNECT", {"accept-version": "1.2", "host": "/", "login": "guest", "passcode": "guest",
                             "heart-beat": "0,0"})
