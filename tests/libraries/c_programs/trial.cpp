// One trial a word on the command line, for tests/libraries/test_cpp_log.py.
#include <dvic_log.hpp>

#include <iomanip>
#include <iostream>
#include <limits>
#include <stdexcept>

struct hostile {};
static std::ostream &operator<<(std::ostream &, const hostile &) { throw std::runtime_error("no text for you"); }

struct point {
    int x, y;
};
static std::ostream &operator<<(std::ostream &to, const point &at) { return to << at.x << ',' << at.y; }

static void formats()
{
    dvic::info("{} of {} {}", 3, "x", point{1, 2});
    dvic::info("{{}} {}", true);
    dvic::info("no place", 1, "two");
    dvic::info("too {} many {}", 1);
    dvic::info("{");
    dvic::warning("fields {}", 1, dvic::field("whole", 17), dvic::field("most", std::numeric_limits<std::uint64_t>::max()),
                  dvic::field("float", 0.5f), dvic::field("yes", true), dvic::field("letter", 'x'),
                  dvic::field("text", std::string("a\0b", 3)), dvic::field("view", std::string_view("v")),
                  dvic::field("null", static_cast<const char *>(nullptr)), dvic::field("point", point{3, 4}),
                  dvic::field("hostile", hostile{}));
    dvic::error("hostile {}", hostile{});
    dvic::notice() << "stream " << std::hex << 255 << ' ' << std::setw(4) << 1 << std::endl;
    dvic::critical() << "hostile " << hostile{} << "and on" << dvic::field("point", point{5, 6});
    dvic::logger log("x");
    log.log(dvic::level_of("WARN"), "by name");
}

static void steps()
{
    dvic::logger log("readout", {"night-run", "adc", "src", "c-1"});
    dvic::logger moved = std::move(log);
    {
        dvic::step step(moved);
        moved.info("within");
    }
    {
        dvic::step step(moved);
        step.done("{} events", 412);
    }
    try {
        dvic::step step(moved);
        throw 5;
    } catch (int) {
    }
    try {
        moved.run([] { throw std::runtime_error("no beam"); });
    } catch (const std::runtime_error &error) {
        std::cout << error.what() << moved.run([] { return 7; });
    }
    moved.skip();
}

static void levels()
{
    dvic::logger log("x", {"meteor", "decode"});
    log.info() << "below" << hostile{};
    log.info("below {}", hostile{});
    log.error() << "above";
    std::cout << log.wanted(dvic::level::info) << log.wanted(dvic::level::critical);
}

static void packages()
{
    dvic::package package("cpp", "Title", "<package/>");
    dvic::axis charge(2, 0, 1, "Q", true, true);
    dvic::histogram one("one", charge, {0, 1, 2, 3}), names("names", dvic::axis({std::string("a"), std::string("b")}), {1, 2});
    dvic::histogram two("two", dvic::axis(2, 0, 1), dvic::axis({0.0, 1.0, 10.0, 100.0}, "t"), {1, 2, 3, 4, 5, 6});
    dvic::histogram profile("profile", dvic::axis(1, 0, 1), {5});
    dvic::histogram wrong("wrong", dvic::axis(3, 0, 1), {1});
    dvic::graph rate("rate", {1, 2}, {3, 4}, "Rate"), uneven("uneven", {1, 2}, {3}), empty("empty", {}, {});
    profile.variances({1}).counts({9});
    rate.over_time().y_errors({1, 1}, {2, 2}).labels("t", "Hz");
    std::cout << package.publish({&one, &names, &two, &profile, &wrong, &rate, &uneven, &empty});
    std::cout << package.publish(one);
}

int main(int count, char **words)
{
    const std::string word = count > 1 ? words[1] : "";
    if (word == "formats")
        formats();
    else if (word == "steps")
        steps();
    else if (word == "levels")
        levels();
    else if (word == "packages")
        packages();
    else
        return 2;
}
