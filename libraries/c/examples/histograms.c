#include <dvic_log.h>

int main(void)
{
    double counts[10] = {0, 1, 4, 9, 16, 9, 4, 1, 0, 0}, x[3] = {1, 2, 3}, gains[3] = {0.9, 1.1, 1.0};
    double errors[3] = {0.1, 0.1, 0.2};
    dvic_package *package = dvic_package_open("readout", "Read-out", NULL, 0);
    dvic_object objects[] = {
        {.name = "adc/charge", .x_axis = {.label = "Q [pC]", .bins = 10, .upper = 5}, .values = counts},
        {.name = "gain", .points = 3, .x = x, .y = gains, .y_errors = errors, .x_label = "channel"},
    };
    dvic_publish(package, objects, 2); /* again and again */
    dvic_package_close(package);
}
