"""Log to files that DVIC's agent collects. See README.md.

    import dvic_log
    dvic_log.info("run %d started", 17, voltage=1.25)
"""

from .file import LogFile
from .graph import Graph, graph
from .handler import Handler
from .lines import LIBRARY, VERSION
from .logger import Logger, critical, debug, error, get_logger, info, log, new_cycle, warning
from .package import Package

__version__ = VERSION
__all__ = ["LIBRARY", "Graph", "Handler", "LogFile", "Logger", "Package", "critical", "debug", "error", "get_logger",
           "graph", "info", "log", "new_cycle", "warning"]
