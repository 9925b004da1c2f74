// Log from C++17 to files that DVIC's agent collects, and publish histograms. A header over dvic_log.h. See README.md.
//
//     dvic::info("run {} started", 17, dvic::field("voltage", 1.25));
//     dvic::warning() << "channel " << 3 << " is noisy" << dvic::field("rate", 1200.5);
//     {
//         dvic::logger log("readout", {"night-run", "adc"});
//         dvic::step step(log);    // started; done at the end of the block, failed when an exception leaves it
//     }
//
// - What is logged is anything that `std::ostream << value` takes. Nothing throws: what can't be shown says so.
// - What is below the level that is set at the hub isn't formatted.
#ifndef DVIC_LOG_HPP
#define DVIC_LOG_HPP

#include "dvic_log.h"

#include <exception>
#include <initializer_list>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dvic {

enum class level { debug = DVIC_DEBUG, info, notice, warning, error, critical };

inline level level_of(const std::string &name) noexcept { return static_cast<level>(dvic_level_of(name.c_str())); }

// What a record says beside its message: a key, and a number, a boolean, a text or anything that can be streamed.
class field {
public:
    template <typename Value> field(std::string_view key, const Value &value) noexcept
    {
        try {
            key_ = key;
            set(value);
        } catch (...) {
            text_ = "<a value that can't be shown>";
            raw_ = dvic_text(nullptr, nullptr);
        }
    }

    // Valid as long as this lives, and stays where it is.
    dvic_field raw() const noexcept
    {
        dvic_field made = raw_.type == DVIC_TEXT ? dvic_bytes(nullptr, text_.data(), text_.size()) : raw_;
        made.key = key_.c_str();
        return made;
    }

private:
    template <typename Value> void set(const Value &value)
    {
        if constexpr (std::is_same_v<Value, bool>)
            raw_ = dvic_bool(nullptr, value);
        else if constexpr (std::is_same_v<Value, char> || std::is_convertible_v<const Value &, std::string_view>)
            set_text(value);
        else if constexpr (std::is_integral_v<Value> && std::is_signed_v<Value>)
            raw_ = dvic_int(nullptr, value);
        else if constexpr (std::is_integral_v<Value>)
            raw_ = dvic_uint(nullptr, value);
        else if constexpr (std::is_floating_point_v<Value>)
            raw_ = dvic_double(nullptr, static_cast<double>(value));
        else {
            std::ostringstream stream;
            stream << value;
            text_ = stream.str();
        }
    }
    void set_text(char value) { text_.assign(1, value); }
    void set_text(const char *value) { text_ = value ? value : ""; }
    void set_text(std::string_view value) { text_ = value; }

    std::string key_, text_;
    dvic_field raw_ = dvic_text(nullptr, nullptr);
};

namespace detail {

inline void write(dvic_logger *logger, level at, dvic_step step, std::string_view text,
                  const std::vector<field> &fields = {}) noexcept
{
    try {
        std::vector<dvic_field> raw;
        raw.reserve(fields.size() + 1);
        for (const field &each : fields)
            raw.push_back(each.raw());
        raw.push_back(dvic_field{nullptr, 0, {nullptr}, DVIC_END});
        dvic_write(logger, static_cast<dvic_level>(at), step, raw.data(), text.data(), text.size());
    } catch (...) { // no memory: the message alone
        dvic_write(logger, static_cast<dvic_level>(at), step, nullptr, text.data(), text.size());
    }
}

// A format with {} for each argument; what has no place stands behind it, so that nothing is lost. {{ and }} are braces.
struct message {
    std::string_view rest;
    std::ostringstream said;
    std::vector<field> fields;

    bool to_next_place()
    {
        for (std::size_t at = 0; at < rest.size(); at++) {
            const std::string_view two = rest.substr(at, 2);
            if (two == "{}") {
                said << rest.substr(0, at);
                rest.remove_prefix(at + 2);
                return true;
            }
            if (two == "{{" || two == "}}") {
                said << rest.substr(0, at + 1);
                rest.remove_prefix(at + 2);
                at = static_cast<std::size_t>(-1);
            }
        }
        said << rest;
        rest = {};
        return false;
    }

    template <typename Value> void add(const Value &value)
    {
        if constexpr (std::is_same_v<Value, field>)
            fields.push_back(value);
        else if constexpr (std::is_same_v<Value, std::vector<field>>)
            fields.insert(fields.end(), value.begin(), value.end());
        else {
            if (!to_next_place())
                said << ' ';
            if constexpr (std::is_same_v<Value, bool>)
                said << (value ? "true" : "false");
            else
                said << value;
        }
    }
};

template <typename... Values>
void format(dvic_logger *logger, level at, dvic_step step, std::string_view format, const Values &...values) noexcept
{
    if (step == DVIC_NO_STEP && !dvic_wanted(logger, static_cast<dvic_level>(at)))
        return;
    try {
        message made{format, {}, {}};
        (made.add(values), ...);
        while (made.to_next_place())
            made.said << "{}";
        write(logger, at, step, made.said.str(), made.fields);
    } catch (...) {
        write(logger, at, step, format);
    }
}

} // namespace detail

// A message that is streamed, and logged where it ends.
class stream {
public:
    stream(dvic_logger *logger, level at) noexcept : logger_(logger), at_(at)
    {
        try {
            if (dvic_wanted(logger, static_cast<dvic_level>(at)))
                said_.emplace();
        } catch (...) {
        }
    }
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;
    ~stream()
    {
        try {
            if (said_)
                detail::write(logger_, at_, DVIC_NO_STEP, said_->str(), fields_);
        } catch (...) {
        }
    }

    template <typename Value> stream &operator<<(const Value &value) noexcept
    {
        try {
            if constexpr (std::is_same_v<Value, field>) {
                if (said_)
                    fields_.push_back(value);
            } else if (said_) {
                *said_ << value;
            }
        } catch (...) {
            if (said_)
                said_->clear();
        }
        return *this;
    }
    stream &operator<<(std::ostream &(*manipulator)(std::ostream &)) noexcept
    {
        return operator<< <std::ostream &(*)(std::ostream &)>(manipulator);
    }

private:
    dvic_logger *logger_;
    level at_;
    std::optional<std::ostringstream> said_;
    std::vector<field> fields_;
};

// Where a record belongs, for monitoring services.
struct place {
    std::string service, component = {}, source = {};
    std::optional<std::string> cycle = {}; // none: DVIC_CYCLE, else the hub finds out
};

// The functions that both a logger and the process have.
#define DVIC_LEVEL_FUNCTIONS(name, logger, qualifier)                                                               \
    inline stream name() qualifier noexcept { return stream(logger, level::name); }                                 \
    template <typename... Values> void name(std::string_view format, const Values &...values) qualifier noexcept    \
    {                                                                                                               \
        detail::format(logger, level::name, DVIC_NO_STEP, format, values...);                                       \
    }

// A part of a program, and a step of a monitoring service.
class logger {
public:
    explicit logger(const std::string &name, const place &at = {}) noexcept
        : raw_(dvic_logger_open(name.c_str(), at.service.c_str(), at.component.c_str(),
                                at.cycle ? at.cycle->c_str() : nullptr, at.source.c_str()))
    {
    }
    logger(logger &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    logger &operator=(logger &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~logger() { dvic_logger_close(raw_); }

    DVIC_LEVEL_FUNCTIONS(debug, raw_, const)
    DVIC_LEVEL_FUNCTIONS(info, raw_, const)
    DVIC_LEVEL_FUNCTIONS(notice, raw_, const)
    DVIC_LEVEL_FUNCTIONS(warning, raw_, const)
    DVIC_LEVEL_FUNCTIONS(error, raw_, const)
    DVIC_LEVEL_FUNCTIONS(critical, raw_, const)

    template <typename... Values> void log(level at, std::string_view format, const Values &...values) const noexcept
    {
        detail::format(raw_, at, DVIC_NO_STEP, format, values...);
    }
    template <typename... Values> void start(std::string_view format = "started", const Values &...values) const noexcept
    {
        detail::format(raw_, level::info, DVIC_START, format, values...);
    }
    template <typename... Values> void done(std::string_view format = "done", const Values &...values) const noexcept
    {
        detail::format(raw_, level::info, DVIC_DONE, format, values...);
    }
    template <typename... Values> void fail(std::string_view format = "failed", const Values &...values) const noexcept
    {
        detail::format(raw_, level::error, DVIC_FAIL, format, values...);
    }
    template <typename... Values> void skip(std::string_view format = "skipped", const Values &...values) const noexcept
    {
        detail::format(raw_, level::info, DVIC_SKIP, format, values...);
    }
    bool wanted(level at) const noexcept { return dvic_wanted(raw_, static_cast<dvic_level>(at)); }

    // Do the step's work: started, then done; an exception becomes a failure that names it, and goes on.
    template <typename Work> decltype(auto) run(Work &&work) const;

private:
    dvic_logger *raw_;
};

DVIC_LEVEL_FUNCTIONS(debug, nullptr, )
DVIC_LEVEL_FUNCTIONS(info, nullptr, )
DVIC_LEVEL_FUNCTIONS(notice, nullptr, )
DVIC_LEVEL_FUNCTIONS(warning, nullptr, )
DVIC_LEVEL_FUNCTIONS(error, nullptr, )
DVIC_LEVEL_FUNCTIONS(critical, nullptr, )
#undef DVIC_LEVEL_FUNCTIONS

// A step that lasts as long as a block: started, then done, or failed when an exception leaves the block.
class step {
public:
    explicit step(const logger &of) noexcept : of_(of), exceptions_(std::uncaught_exceptions()) { of_.start(); }
    step(const step &) = delete;
    step &operator=(const step &) = delete;
    ~step()
    {
        if (said_)
            return;
        if (std::uncaught_exceptions() > exceptions_)
            of_.fail("an exception ended it");
        else
            of_.done();
    }
    // Say how it ended oneself; then its end says no more.
    template <typename... Values> void done(std::string_view format, const Values &...values) noexcept
    {
        said_ = true;
        of_.done(format, values...);
    }
    template <typename... Values> void fail(std::string_view format, const Values &...values) noexcept
    {
        said_ = true;
        of_.fail(format, values...);
    }

private:
    const logger &of_;
    int exceptions_;
    bool said_ = false;
};

template <typename Work> decltype(auto) logger::run(Work &&work) const
{
    step mine(*this);
    try {
        return std::forward<Work>(work)();
    } catch (const std::exception &error) {
        mine.fail("{}", error.what());
        throw;
    }
}

inline std::string new_cycle()
{
    char name[DVIC_CYCLE_SIZE];
    dvic_new_cycle(name);
    return name;
}

} // namespace dvic

#include "dvic_packages.hpp"

#endif
