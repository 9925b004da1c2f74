#include <dvic_log.h>

int main(void)
{
    dvic_info("run %d started", 17);
    dvic_logger *log = dvic_logger_open("readout", "night-run", "adc", NULL, NULL);
    dvic_start(log, NULL);
    dvic_log_with(log, DVIC_WARNING, DVIC_FIELDS(dvic_int("channel", 3), dvic_double("rate", 1200.5)), "noisy");
    dvic_done(log, "%d events", 412);
    dvic_logger_close(log);
}
