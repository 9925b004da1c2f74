// Does what lines on standard input say, for the test that compares all libraries; the actions are those of
// libraries/c/examples/conformance.c.
#include <dvic_log.hpp>

#include <iostream>
#include <regex>

static std::vector<std::string> split(const std::string &line)
{
    std::vector<std::string> parts(1);
    for (std::size_t at = 0; at < line.size(); at++) {
        if (line[at] == '\t')
            parts.emplace_back();
        else if (line[at] == '\\' && at + 1 < line.size() && line[++at] != '\\')
            parts.back() += line[at] == 't' ? '\t' : line[at] == 'n' ? '\n' : line[at];
        else
            parts.back() += line[at];
    }
    return parts;
}

// A field of the type that its value has as text; 007 is no integer.
static dvic::field field_of(const std::string &key, const std::string &value)
{
    static const std::regex whole("-?(0|[1-9][0-9]{0,17})"), decimal("-?(0|[1-9][0-9]*)\\.[0-9]+");
    if (value == "true" || value == "false")
        return {key, value == "true"};
    if (std::regex_match(value, whole))
        return {key, std::stoll(value)};
    if (std::regex_match(value, decimal))
        return {key, std::stod(value)};
    return {key, value};
}

// parts from the level on
static void log_parts(const dvic::logger &logger, const std::vector<std::string> &parts, std::size_t level)
{
    std::vector<dvic::field> fields;
    for (std::size_t number = level + 2; number < parts.size(); number++)
        if (const auto equals = parts[number].find('='); equals != std::string::npos)
            fields.push_back(field_of(parts[number].substr(0, equals), parts[number].substr(equals + 1)));
    logger.log(dvic::level_of(parts[level]), "{}", parts[level + 1], fields);
}

int main()
{
    std::optional<dvic::logger> logger;
    logger.emplace("");
    for (std::string line; std::getline(std::cin, line);) {
        std::vector<std::string> parts = split(line);
        const std::string action = parts[0];
        const std::string text = parts.size() > 1 ? parts[1] : "";
        if (action == "logger") {
            parts.resize(6);
            dvic::place at{parts[2], parts[3], parts[5]};
            if (!parts[4].empty())
                at.cycle = parts[4];
            logger.emplace(parts[1], at);
        } else if (action == "log" && parts.size() >= 3) {
            log_parts(*logger, parts, 1);
        } else if (action == "many" && parts.size() == 4) {
            for (long left = std::stol(text); left > 0; left--)
                log_parts(*logger, parts, 2);
        } else if (action == "say") {
            std::cout << text << std::endl;
        } else if (action == "start") {
            text.empty() ? logger->start() : logger->start("{}", text);
        } else if (action == "done") {
            text.empty() ? logger->done() : logger->done("{}", text);
        } else if (action == "fail") {
            text.empty() ? logger->fail() : logger->fail("{}", text);
        } else if (action == "skip") {
            text.empty() ? logger->skip() : logger->skip("{}", text);
        } else {
            std::cerr << "not understood: " << action << '\n';
            return 2;
        }
    }
}
