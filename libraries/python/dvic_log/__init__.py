"""Log to files that DVIC's agent collects. See README.md.

    import dvic_log
    dvic_log.info("run %d started", 17, voltage=1.25)
"""

from .file import LogFile
from .handler import Handler
from .lines import LIBRARY, VERSION
from .logger import Logger, critical, debug, error, get_logger, info, log, new_cycle, warning

__version__ = VERSION
__all__ = ["LIBRARY", "Handler", "LogFile", "Logger", "critical", "debug", "error", "get_logger", "info", "log",
           "new_cycle", "warning"]
