#include <dvic_log.hpp>

int main()
{
    dvic::package package("readout", "Read-out");
    dvic::histogram charge("adc/charge", dvic::axis(5, 0, 5, "Q [pC]"), {1, 4, 9, 4, 1});
    dvic::graph gain("gain", {1, 2, 3}, {0.9, 1.1, 1.0});
    gain.y_errors({0.1, 0.1, 0.2}).labels("channel", "gain");
    package.publish(charge, gain); // again and again
}
