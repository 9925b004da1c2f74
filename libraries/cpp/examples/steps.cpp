#include <dvic_log.hpp>

int main()
{
    dvic::info("run {} started", 17, dvic::field("voltage", 1.25));
    dvic::logger log("readout", {"night-run", "adc"});
    dvic::step step(log);
    log.warning() << "channel " << 3 << " is noisy" << dvic::field("rate", 1200.5);
}
