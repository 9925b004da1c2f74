/* The JSON of a histogram or graph: one line without its newline (docs/histograms.md). */

static void put_value(out *to, double value)
{
    if (isfinite(value))
        put_number(to, value, false);
    else
        put_raw(to, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void put_column(out *to, const char *before, const double *values, size_t count)
{
    put_raw(to, before);
    for (size_t number = 0; number < count && !to->full; number++) {
        put(to, number ? "," : "[", 1);
        put_value(to, values[number]);
    }
    put_raw(to, count ? "]" : "[]");
}

static void put_array(out *to, const char *name, const double *values, const dvic_object *of)
{
    size_t across = all_bins(&of->x_axis), up = of->y_axis.bins ? all_bins(&of->y_axis) : 0;
    if (!values)
        return;
    put_raw(to, ",\"");
    put_raw(to, name);
    put_raw(to, "\":");
    if (up == 0) {
        put_column(to, "", values, across);
        return;
    }
    for (size_t x = 0; x < across && !to->full; x++) {
        put(to, x ? "," : "[", 1);
        for (size_t y = 0; y < up && !to->full; y++) {
            put(to, y ? "," : "[", 1);
            put_value(to, values[of->x_first ? y * across + x : x * up + y]);
        }
        put(to, "]", 1);
    }
    put_raw(to, across ? "]" : "[]");
}

static void put_axis(out *to, const dvic_axis *axis)
{
    char label[SHOWN_SIZE];
    if (axis->categories) {
        put_raw(to, "{\"type\":\"category_str\",\"categories\":[");
        for (size_t number = 0; number < axis->bins && !to->full; number++)
            put_member(to, number ? "," : "", axis->categories[number], DVIC_MAX_OBJECT_NAME);
        put_raw(to, axis->overflow ? "],\"flow\":true" : "],\"flow\":false");
    } else {
        if (axis->edges) {
            put_column(to, "{\"type\":\"variable\",\"edges\":", axis->edges, axis->bins + 1);
        } else {
            put_raw(to, "{\"type\":\"regular\",\"lower\":");
            put_number(to, axis->lower, false);
            put_raw(to, ",\"upper\":");
            put_number(to, axis->upper, false);
            put_raw(to, ",\"bins\":");
            put_unsigned(to, axis->bins);
        }
        put_raw(to, axis->underflow ? ",\"underflow\":true" : ",\"underflow\":false");
        put_raw(to, axis->overflow ? ",\"overflow\":true" : ",\"overflow\":false");
        put_raw(to, ",\"circular\":false");
    }
    show(label, axis->label);
    if (*label) {
        put_member(to, ",\"metadata\":{\"label\":", label, SHOWN_SIZE);
        put(to, "}", 1);
    }
    put(to, "}", 1);
}

static void put_errors(out *to, const char *before, const double *low, const double *high, size_t points)
{
    if (!low)
        return;
    put_raw(to, before);
    put_column(to, "\"low\":", low, points);
    put_column(to, ",\"high\":", high ? high : low, points);
    put(to, "}", 1);
}

static void put_object(out *to, const dvic_object *object)
{
    char title[SHOWN_SIZE];
    if (is_graph(object)) {
        put_raw(to, object->time ? "{\"dvic_graph\":1,\"type\":\"time\"" : "{\"dvic_graph\":1,\"type\":\"scatter\"");
        put_column(to, ",\"x\":", object->x, object->points);
        put_column(to, ",\"y\":", object->y, object->points);
        put_shown(to, ",\"title\":", object->title);
        put_shown(to, ",\"x_label\":", object->x_label);
        put_shown(to, ",\"y_label\":", object->y_label);
        put_errors(to, ",\"x_errors\":{", object->x_errors, object->x_errors_high, object->points);
        put_errors(to, ",\"y_errors\":{", object->y_errors, object->y_errors_high, object->points);
        put(to, "}", 1);
        return;
    }
    put_raw(to, "{\"uhi_schema\":1,\"axes\":[");
    put_axis(to, &object->x_axis);
    if (object->y_axis.bins) {
        put(to, ",", 1);
        put_axis(to, &object->y_axis);
    }
    put_raw(to, "],\"storage\":{\"type\":\"");
    put_raw(to, object->sum_of_weights ? "weighted_mean" : object->counts ? "mean" : object->variances ? "weighted"
                                                                                                      : "double");
    put(to, "\"", 1);
    if (object->sum_of_weights) {
        put_array(to, "sum_of_weights", object->sum_of_weights, object);
        put_array(to, "sum_of_weights_squared", object->sum_of_weights_squared, object);
    } else {
        put_array(to, "counts", object->counts, object);
    }
    put_array(to, "values", object->values, object);
    put_array(to, "variances", object->variances, object);
    put(to, "}", 1);
    show(title, object->title);
    if (*title) {
        put_member(to, ",\"metadata\":{\"title\":", title, SHOWN_SIZE);
        put(to, "}", 1);
    }
    put(to, "}", 1);
}
