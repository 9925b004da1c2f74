"""Other programs that watch a machine, set to do about what the agent does, every `period` seconds.

- prometheus-node-exporter: Debian's default collectors, scraped over HTTP each period (it does nothing unasked).
- zabbix_agent2: passive, asked for twelve items each period, as its documentation shows (`Server=`, `ListenIP=`).
- collectd: the plugins that cover the same quantities, `Interval` as given, written as CSV.
- glances: without a display, exporting CSV each period.
"""

import socket
import struct
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

from processes import Program, free_port, need, start, wait_for_port

COLLECTD_PLUGINS = ("cpu", "memory", "swap", "load", "disk", "df", "interface", "processes", "uptime", "sensors")
ZABBIX_ITEMS = ("system.cpu.util", "system.cpu.load[all,avg1]", "vm.memory.size[available]", "vm.memory.size[used]",
                "system.swap.size[,used]", "vfs.fs.size[/,used]", "vfs.dev.read[,sps,avg1]", "vfs.dev.write[,sps,avg1]",
                "net.if.in[lo]", "net.if.out[lo]", "proc.num[]", "system.uptime")


class Asker:
    """Asks a passive peer each period, as its server would."""

    def __init__(self, ask: Callable[[], None], period: float):
        self._ask, self._period, self._stopped = ask, period, threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._stopped.wait(self._period):
            self._ask()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)


def node_exporter(folder: Path, period: float) -> tuple[Program, Asker]:
    port = free_port()
    program = start("prometheus-node-exporter", [need("prometheus-node-exporter", "prometheus-node-exporter"),
                                                 f"--web.listen-address=127.0.0.1:{port}"], log=folder / "node.log")
    wait_for_port(port, program)

    def scrape() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            answer.read()

    scrape()
    return program, Asker(scrape, period)


def zabbix_agent2(folder: Path, period: float) -> tuple[Program, Asker]:
    port, config = free_port(), folder / "zabbix.conf"
    config.write_text(f"Hostname=bench\nServer=127.0.0.1\nListenIP=127.0.0.1\nListenPort={port}\nLogType=console\n"
                      f"ControlSocket={folder}/zabbix.sock\nPidFile={folder}/zabbix.pid\n"
                      f"PluginSocket={folder}/plugin.sock\n")
    argv = [need("zabbix_agent2", "zabbix-agent2"), "-c", config, "-f"]
    program = start("zabbix_agent2", argv, log=folder / "zabbix.log")
    wait_for_port(port, program)

    def ask() -> None:
        for item in ZABBIX_ITEMS:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
                link.sendall(b"ZBXD\x01" + struct.pack("<II", len(item), 0) + item.encode())
                while link.recv(4096):
                    pass

    ask()
    return program, Asker(ask, period)


def collectd(folder: Path, period: float) -> tuple[Program, None]:
    config = folder / "collectd.conf"
    plugins = "".join(f"LoadPlugin {name}\n" for name in COLLECTD_PLUGINS)
    config.write_text(f'Interval {period:g}\nBaseDir "{folder}"\nPIDFile "{folder}/collectd.pid"\n{plugins}'
                      'LoadPlugin csv\n'
                      f'<Plugin csv>\n  DataDir "{folder}/csv"\n  StoreRates true\n</Plugin>\n')
    return start("collectd", [need("collectd", "collectd-core"), "-f", "-C", config], log=folder / "collectd.log"), None


def glances(folder: Path, period: float) -> tuple[Program, None]:
    argv = [need("glances", "glances"), "-q", "--time", f"{period:g}", "--disable-check-update", "--export", "csv",
            "--export-csv-file", folder / "glances.csv"]
    return start("glances", argv, log=folder / "glances.log"), None


PEERS = (node_exporter, zabbix_agent2, collectd, glances)
