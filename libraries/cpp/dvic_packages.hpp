// Publish histograms and graphs from C++17 (docs/histograms.md). dvic_log.hpp includes this.
//
//     dvic::package package("readout", "Read-out");
//     package.publish(dvic::histogram("adc/charge", dvic::axis(5, 0, 5, "Q [pC]"), {1, 4, 9, 4, 1}));
#ifndef DVIC_PACKAGES_HPP
#define DVIC_PACKAGES_HPP

#include "dvic_log.h"

#include <string>
#include <utility>
#include <vector>

namespace dvic {

// An axis of a histogram. `underflow` and `overflow`: the arrays have such a bin before the first, after the last.
class axis {
public:
    axis(std::size_t bins, double lower, double upper, std::string label = {}, bool underflow = false,
         bool overflow = false)
        : label_(std::move(label)), raw_{nullptr, bins, lower, upper, nullptr, nullptr, underflow, overflow}
    {
    }
    explicit axis(std::vector<double> edges, std::string label = {}, bool underflow = false, bool overflow = false)
        : label_(std::move(label)), edges_(std::move(edges)),
          raw_{nullptr, edges_.empty() ? 0 : edges_.size() - 1, 0, 0, nullptr, nullptr, underflow, overflow}
    {
    }
    // A bin for each name; `others`: and one behind them for all others.
    explicit axis(std::vector<std::string> names, std::string label = {}, bool others = false)
        : label_(std::move(label)), names_(std::move(names)),
          raw_{nullptr, names_.size(), 0, 0, nullptr, nullptr, false, others}
    {
    }
    std::size_t size() const noexcept { return raw_.bins + raw_.underflow + raw_.overflow; }

private:
    friend class histogram;
    // Valid until this is changed or moved.
    dvic_axis raw() const
    {
        pointers_.clear();
        for (const std::string &name : names_)
            pointers_.push_back(name.c_str());
        dvic_axis made = raw_;
        made.label = label_.c_str();
        made.edges = edges_.empty() ? nullptr : edges_.data();
        made.categories = names_.empty() ? nullptr : pointers_.data();
        return made;
    }
    std::string label_;
    std::vector<double> edges_;
    std::vector<std::string> names_;
    mutable std::vector<const char *> pointers_;
    dvic_axis raw_;
};

// What a package is made of. Arrays that are not as long as the axes want, or as x is, leave the object out; the
// program's log says so.
class object {
public:
    virtual ~object() = default;
    virtual dvic_object raw() const = 0;

protected:
    object(std::string name, std::string title) : name_(std::move(name)), title_(std::move(title)) {}
    static const double *pointer(const std::vector<double> &values, std::size_t wanted, bool &wrong)
    {
        wrong = wrong || (!values.empty() && values.size() != wanted);
        return values.empty() ? nullptr : values.data();
    }
    std::string name_, title_;
};

class histogram : public object {
public:
    histogram(std::string name, axis x, std::vector<double> values, std::string title = {})
        : object(std::move(name), std::move(title)), axes_{std::move(x)}, values_(std::move(values))
    {
    }
    // values[x * y.size() + y]
    histogram(std::string name, axis x, axis y, std::vector<double> values, std::string title = {})
        : object(std::move(name), std::move(title)), axes_{std::move(x), std::move(y)}, values_(std::move(values))
    {
    }
    // Sums of squared weights; of a profile, the variances of its samples.
    histogram &variances(std::vector<double> values)
    {
        variances_ = std::move(values);
        return *this;
    }
    // The entries of each bin: makes it a profile.
    histogram &counts(std::vector<double> values)
    {
        counts_ = std::move(values);
        return *this;
    }
    dvic_object raw() const override
    {
        std::size_t wanted = 1;
        bool wrong = false;
        for (const axis &each : axes_)
            wanted *= each.size();
        dvic_object made{};
        made.name = name_.c_str(), made.title = title_.c_str();
        made.x_axis = axes_[0].raw();
        if (axes_.size() > 1)
            made.y_axis = axes_[1].raw();
        made.values = values_.empty() && wanted == 0 ? &none_ : pointer(values_, wanted, wrong);
        made.variances = pointer(variances_, wanted, wrong);
        made.counts = pointer(counts_, wanted, wrong);
        if (wrong)
            made.values = nullptr;
        return made;
    }

private:
    std::vector<axis> axes_;
    std::vector<double> values_, variances_, counts_;
    double none_ = 0;
};

class graph : public object {
public:
    graph(std::string name, std::vector<double> x, std::vector<double> y, std::string title = {})
        : object(std::move(name), std::move(title)), x_(std::move(x)), y_(std::move(y))
    {
    }
    graph &labels(std::string x, std::string y)
    {
        x_label_ = std::move(x), y_label_ = std::move(y);
        return *this;
    }
    // Distances: the same both ways, or low and high.
    graph &x_errors(std::vector<double> low, std::vector<double> high = {})
    {
        x_low_ = std::move(low), x_high_ = std::move(high);
        return *this;
    }
    graph &y_errors(std::vector<double> low, std::vector<double> high = {})
    {
        y_low_ = std::move(low), y_high_ = std::move(high);
        return *this;
    }
    // x counts seconds since 1970.
    graph &over_time()
    {
        time_ = true;
        return *this;
    }
    dvic_object raw() const override
    {
        bool wrong = x_.size() != y_.size();
        dvic_object made{};
        made.name = name_.c_str(), made.title = title_.c_str();
        made.x_label = x_label_.c_str(), made.y_label = y_label_.c_str();
        made.points = x_.size(), made.time = time_;
        made.x = x_.empty() ? &none_ : x_.data(), made.y = y_.empty() ? &none_ : y_.data();
        made.x_errors = pointer(x_low_, x_.size(), wrong), made.x_errors_high = pointer(x_high_, x_.size(), wrong);
        made.y_errors = pointer(y_low_, x_.size(), wrong), made.y_errors_high = pointer(y_high_, x_.size(), wrong);
        if (wrong)
            made.y = nullptr;
        return made;
    }

private:
    std::vector<double> x_, y_, x_low_, x_high_, y_low_, y_high_;
    std::string x_label_, y_label_;
    bool time_ = false;
    double none_ = 0;
};

// A histogram package; see dvic_package_open. What waits is written when it ends.
class package {
public:
    explicit package(const std::string &name, const std::string &title = {}, const std::string &layout = {},
                     double period = 0) noexcept
        : raw_(dvic_package_open(name.c_str(), title.c_str(), layout.empty() ? nullptr : layout.c_str(), period))
    {
    }
    package(const package &) = delete;
    package &operator=(const package &) = delete;
    ~package() { dvic_package_close(raw_); }

    // Make these the package; returns whether it was written at once.
    template <typename... Objects> bool publish(const Objects &...objects) noexcept
    {
        try {
            const std::vector<dvic_object> made{objects.raw()...};
            return dvic_publish(raw_, made.data(), made.size());
        } catch (...) {
            return false;
        }
    }
    // The same for objects of which a program knows only then how many there are.
    bool publish(const std::vector<const object *> &objects) noexcept
    {
        try {
            std::vector<dvic_object> made;
            for (const object *each : objects)
                made.push_back(each->raw());
            return dvic_publish(raw_, made.data(), made.size());
        } catch (...) {
            return false;
        }
    }

private:
    dvic_package *raw_;
};

} // namespace dvic

#endif
