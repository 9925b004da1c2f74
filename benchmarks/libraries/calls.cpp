// What one log call costs in C++; benchmarks/libraries.py compiles and runs it: calls CALLS ROUNDS FILE. Beside it a stream
// with a flush a line, as a program has it whose lines shall not be lost.
#include <dvic_log.hpp>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <iostream>

template <typename Call> static void measure(const char *name, long calls, bool told, Call call)
{
    const auto start = std::chrono::steady_clock::now();
    for (long at = 0; at < calls; at++)
        call();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (told)
        std::cout << name << ' ' << std::setprecision(12) << std::fixed << took.count() / static_cast<double>(calls) << '\n';
}

int main(int words, char **word)
{
    if (words != 4)
        return 2;
    const long calls = std::atol(word[1]), rounds = std::atol(word[2]);
    volatile int level = 30;
    dvic::logger log("bench", {"bench"});
    std::ofstream usual(word[3]);
    if (!usual || log.wanted(dvic::level::debug))
        return 1;
    for (long round = 0; round <= rounds; round++) {
        measure("ours", calls, round, [&] { log.warning("gain of channel {} is low", 17, dvic::field("gain", 0.25)); });
        measure("theirs", calls, round, [&] {
            usual << std::time(nullptr) << " warning gain of channel " << 17 << " is low: " << 0.25 << std::endl;
        });
        measure("ours_below", calls, round, [&] { log.debug("gain of channel {} is low", 17, dvic::field("gain", 0.25)); });
        measure("theirs_below", calls, round, [&] {
            if (level <= 10)
                usual << "gain of channel " << 17 << " is low: " << 0.25 << std::endl;
        });
    }
}
