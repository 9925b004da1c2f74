"""Graphs: points with errors, and values over time. The hub draws them beside histograms (docs/histograms.md).

    dvic_log.graph([1, 2, 3], [0.9, 2.1, 2.9], y_errors=0.1, title="gain", x_label="channel")
    dvic_log.graph(times, rates, kind="time")            # x in seconds since 1970
"""

KINDS = ("scatter", "time")


class Graph:
    """Equally long lists x and y; errors are distances: one number for all points, a list, or two (low, high)."""

    def __init__(self, x, y, x_errors=None, y_errors=None, kind="scatter", title="", x_label="", y_label=""):
        self.x, self.y = x, y
        self.x_errors, self.y_errors = x_errors, y_errors
        self.kind, self.title, self.x_label, self.y_label = kind, title, x_label, y_label

    def copy(self):
        """As it is published, of this moment; raises ValueError for what fits together in no way."""
        if self.kind not in KINDS:
            raise ValueError("a graph is of the kind %s, not %r" % (" or ".join(KINDS), self.kind))
        x, y = _numbers(self.x), _numbers(self.y)
        if len(x) != len(y):
            raise ValueError("a graph has as many x as y, and here are %d and %d" % (len(x), len(y)))
        made = {"dvic_graph": 1, "type": self.kind, "x": x, "y": y}
        for name, text in (("title", self.title), ("x_label", self.x_label), ("y_label", self.y_label)):
            if text:
                made[name] = str(text)
        for name, errors in (("x_errors", self.x_errors), ("y_errors", self.y_errors)):
            if errors is not None:
                made[name] = _errors(errors, len(x), name)
        return made


def graph(x, y, x_errors=None, y_errors=None, kind="scatter", title="", x_label="", y_label=""):
    """A graph to publish; see Graph."""
    return Graph(x, y, x_errors, y_errors, kind, title, x_label, y_label)


def _errors(errors, points, name):
    if isinstance(errors, (int, float)):
        low = high = [float(errors)] * points
    elif isinstance(errors, tuple) and len(errors) == 2 and hasattr(errors[0], "__len__"):
        low, high = _numbers(errors[0]), _numbers(errors[1])
    else:
        low = high = _numbers(errors)
    if len(low) != points or len(high) != points:
        raise ValueError("%s are %d and %d for %d points" % (name, len(low), len(high), points))
    return {"low": low, "high": high}


def _numbers(values):
    if hasattr(values, "tolist"):
        return values.tolist()
    return [float(value) if isinstance(value, (bool, str)) else value for value in values]
