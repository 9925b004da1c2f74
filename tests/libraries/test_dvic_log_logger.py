"""dvic_log's functions, loggers and handler, as programs use them."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import dvic_log
from dvic_log import Handler, LogFile, Logger, get_logger


@pytest.fixture
def logger(logs):
    return Logger(LogFile("daq"), "readout", "night", "adc")


def test_each_function_writes_its_level(logs):
    program = ("import dvic_log as d\n"
               "d.debug('a'); d.info('b'); d.warning('c'); d.error('d'); d.critical('e'); d.log('notice', 'f')\n")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert [record["l"] for record in logs.records()] == ["debug", "info", "warning", "error", "critical", "notice"]


def test_importing_writes_nothing(logs):
    subprocess.run([sys.executable, "-c", "import dvic_log"], check=True, timeout=30)
    assert logs.files() == []


def test_arguments_fill_the_message_and_keywords_become_fields(logs, logger):
    logger.warning("channel %d is noisy", 3, rate=1200.5, message="a field", self="another", level=2)
    [record] = logs.records()
    assert (record["l"], record["m"]) == ("warning", "channel 3 is noisy")
    assert record["f"] == {"rate": 1200.5, "message": "a field", "self": "another", "level": 2, "logger": "readout"}
    assert (record["s"], record["c"]) == ("night", "adc")


def test_get_logger_writes_to_the_file_of_the_process(logs):
    program = ("import dvic_log\n"
               "dvic_log.get_logger('a', service='s', component='c').info('x')\n"
               "dvic_log.info('y')\n")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert len(logs.files()) == 1 and logs.messages() == ["x", "y"]
    assert isinstance(get_logger("a"), Logger)


def test_an_exception_brings_its_traceback(logs, logger):
    try:
        1 / 0  # noqa: B018 (the point of it)
    except ZeroDivisionError:
        logger.exception("failed")
    [record] = logs.records()
    assert record["l"] == "error"
    assert record["m"].startswith("failed\nTraceback") and record["m"].endswith("ZeroDivisionError: division by zero")


def test_an_object_that_logs_while_it_is_logged_ends(logs, logger):
    class Talkative:
        def __str__(self):
            logger.info(self)
            return "talkative"

    logger.info(Talkative())
    assert 1 <= len(logs.records()) <= 3 and logs.messages()[-1] == "talkative"


@pytest.mark.parametrize("hostile", [object(), b"\xff\xfe", "\ud800", "x" * 10_000_000, float("inf"), {"a": {"b": []}},
                                     type("Bad", (), {"__str__": lambda self: 1 / 0})()])
def test_hostile_values_become_one_record(logs, logger, hostile):
    logger.info(hostile)
    logger.info("%s", hostile, field=hostile)
    logger.log(hostile, "level")
    assert len(logs.records()) == 3


def test_a_self_containing_structure_is_written(logs, logger):
    loop = []
    loop.append(loop)
    logger.info("loop", value=loop)
    assert logs.records()[0]["f"]["value"] == "[[...]]"


def test_logging_goes_through_the_handler(logs):
    source = logging.Logger("sensors.adc")
    source.addHandler(Handler(service="night", component="adc", file=LogFile("daq")))
    source.info("value %d", 7, extra={"voltage": 1.5})
    try:
        raise ValueError("broken")
    except ValueError:
        source.error("failed", exc_info=True)
    first, second = logs.records()
    assert first["m"] == "value 7" and first["f"]["voltage"] == 1.5 and first["f"]["logger"] == "sensors.adc"
    assert first["f"]["file"] == Path(__file__).name and first["s"] == "night" and first["c"] == "adc"
    assert second["l"] == "error" and second["m"].endswith("ValueError: broken")


def test_a_formatter_is_honoured(logs):
    source = logging.Logger("x")
    handler = Handler(file=LogFile("daq"))
    handler.setFormatter(logging.Formatter("<%(levelname)s> %(message)s"))
    source.addHandler(handler)
    source.warning("hot")
    assert logs.messages() == ["<WARNING> hot"]


def test_the_format_that_basic_config_gives_is_not_written_twice(logs):
    source = logging.Logger("x")
    handler = Handler(file=LogFile("daq"))
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    source.addHandler(handler)
    source.warning("hot")
    assert logs.messages() == ["hot"]


def test_a_bad_logging_call_keeps_its_text_and_prints_nothing(logs, capfd):
    source = logging.Logger("x")
    source.addHandler(Handler(file=LogFile("daq")))
    source.info("only %d", "text")
    assert logs.messages() == ["only %d ('text',)"]
    assert capfd.readouterr() == ("", "")


def test_the_version_is_one():
    assert dvic_log.__version__ in dvic_log.LIBRARY
