/* Trials of packages, for tests/libraries/test_c_packages.py: all kinds of objects, then one trial a word. */
#include <dvic_log.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what) do { if (!(what)) { fprintf(stderr, "line %d: %s\n", __LINE__, #what); exit(1); } } while (0)

static const double ones[600] = {1, 0.1, -3, 1e300, 5e-324, 1 / 3.0};

static void kinds(void)
{
    const double odd[] = {0.0 / 0.0, 1 / 0.0, -1 / 0.0, -0.0}, edges[] = {0, 1, 10, 100, 1 / 0.0};
    const double table[] = {11, 12, 13, 21, 22, 23}, turned[] = {11, 21, 12, 22, 13, 23};
    const char *const names[] = {"muon", "el\"ectron"};
    dvic_object objects[] = {
        {.name = "flow", .title = "Fl\xc3\xbcsse", .x_axis = {"x", 4, -1, 1, NULL, NULL, true, true}, .values = ones},
        {.name = "odd", .x_axis = {.bins = 4, .edges = edges}, .values = odd},
        {.name = "weighted", .x_axis = {.bins = 5, .upper = 1}, .values = ones, .variances = ones},
        {.name = "profile", .x_axis = {.bins = 5, .upper = 1}, .values = ones, .variances = ones, .counts = ones},
        {.name = "weighted profile", .x_axis = {.bins = 5, .upper = 1}, .values = ones, .variances = ones,
         .sum_of_weights = ones, .sum_of_weights_squared = ones},
        {.name = "names", .x_axis = {.bins = 2, .categories = names, .overflow = true}, .values = ones},
        {.name = "table", .x_axis = {.bins = 2, .upper = 1}, .y_axis = {.bins = 3, .upper = 1}, .values = table},
        {.name = "turned", .x_axis = {.bins = 2, .upper = 1}, .y_axis = {.bins = 3, .upper = 1}, .values = turned,
         .x_first = true},
        {.name = "none", .x_axis = {.bins = 0, .upper = 1}, .values = ones},
        {.name = "gain", .points = 2, .x = table, .y = odd, .y_errors = ones, .y_errors_high = table, .x_errors = ones,
         .x_label = "x", .title = "<b>"},
        {.name = "rate", .points = 2, .x = table, .y = table, .time = true},
        {.name = "a\tb \xe2\x80\x8b\xff</script> ", .points = 0, .x = table, .y = table},
    };
    dvic_package *package = dvic_package_open("kinds", " Kinds\n", "<package name=\"\xc3\xa9\"/>", 0);
    errno = 4242;
    CHECK(dvic_publish(package, objects, sizeof objects / sizeof *objects));
    CHECK(errno == 4242);
    dvic_package_close(package);
}

static void wrong(void)
{
    double *many = calloc(400001, sizeof *many);
    dvic_object objects[] = {
        {.name = "good", .x_axis = {.bins = 1, .upper = 1}, .values = ones},
        {.name = "good", .x_axis = {.bins = 1, .upper = 1}, .values = ones},
        {.name = "empty", .x_axis = {.bins = 1, .upper = 1}},
        {.name = "large", .x_axis = {.bins = 400001, .upper = 1}, .values = many},
        {.name = "larger", .x_axis = {.bins = SIZE_MAX, .upper = 1}, .values = many},
        {.name = "square", .x_axis = {.bins = 400000}, .y_axis = {.bins = 400000}, .values = many},
        {.name = "half", .points = 1, .x = ones},
        {.name = "points", .points = 100001, .x = many, .y = many},
        {.name = "upwards", .points = 1, .x = ones, .y = ones, .y_errors_high = ones},
        {.name = "profile", .x_axis = {.bins = 1, .upper = 1}, .values = ones, .counts = ones},
        {.name = "endless", .x_axis = {.bins = 1, .upper = 1 / 0.0}, .values = ones},
        {.name = "heavy", .x_axis = {.bins = 200000, .upper = 1}, .values = many},
    };
    dvic_package *package = dvic_package_open("wrong/n\xc3\xa4me", NULL, "/no/such/layout", 0);
    for (int number = 0; number < 200000; number++)
        many[number] = 0.1234567890123456;
    CHECK(dvic_publish(package, objects, sizeof objects / sizeof *objects));
    dvic_publish(NULL, objects, 1);
    dvic_publish(package, NULL, 5);
    CHECK(dvic_publish(dvic_package_open("nothing", NULL, NULL, 0), NULL, 0));
    dvic_package_close(package), dvic_package_close(NULL);
    free(many);
}

static void *publish_often(void *argument)
{
    double value = 0;
    dvic_object object = {.name = "h", .x_axis = {.bins = 1, .upper = 1}, .values = &value};
    for (int number = 0; number < 500; number++)
        value = number, dvic_publish(argument, &object, 1);
    return NULL;
}

/* A tight loop by several threads, whose children publish too; what came last waits at the end, and is written then. */
static void flood(void)
{
    double last = 4711;
    dvic_object object = {.name = "h", .x_axis = {.bins = 1, .upper = 1}, .values = &last};
    dvic_package *package = dvic_package_open("flood", NULL, NULL, 3600);
    pthread_t made[3];
    for (int number = 0; number < 3; number++)
        CHECK(pthread_create(&made[number], NULL, publish_often, package) == 0);
    for (int number = 0; number < 10; number++) {
        pid_t child = fork();
        if (child == 0) {
            char path[4096];
            alarm(60);
            _exit(dvic_publish(package, &object, 1) && dvic_package_path(package, path, sizeof path) ? 0 : 1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        dvic_publish(package, &object, 1);
    }
    for (int number = 0; number < 3; number++)
        pthread_join(made[number], NULL);
    dvic_publish(package, &object, 1);
}

/* What waits is written when it is time, by nobody's doing. */
static void wait_for_it(void)
{
    double value = 1;
    char path[4096], text[4096] = "";
    dvic_object object = {.name = "h", .x_axis = {.bins = 1, .upper = 1}, .values = &value};
    dvic_package *package = dvic_package_open("wait", NULL, NULL, 0.05);
    CHECK(dvic_publish(package, &object, 1));
    while (dvic_publish(package, &object, 1))
        ; /* a machine under load takes longer than the period */
    value = 2;
    dvic_publish(package, &object, 1);
    value = 3; /* the copy is of that moment */
    dvic_package_path(package, path, sizeof path);
    for (int number = 0; number < 1000 && !strstr(text, "[2]"); number++) {
        FILE *file = fopen(path, "r");
        usleep(10000);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    CHECK(strstr(text, "[2]"));
    dvic_package_close(package);
}

int main(int count, char **words)
{
    double value = 1;
    dvic_object object = {.name = "h", .x_axis = {.bins = 1, .upper = 1}, .values = &value};
    CHECK(count >= 2);
    if (strcmp(words[1], "kinds") == 0) kinds();
    else if (strcmp(words[1], "wrong") == 0) wrong();
    else if (strcmp(words[1], "flood") == 0) flood();
    else if (strcmp(words[1], "wait") == 0) wait_for_it();
    else if (strcmp(words[1], "pair") == 0) { /* once more for each line on standard input */
        dvic_package *package = dvic_package_open("pair", NULL, NULL, 0.05);
        do {
            printf("%d\n", dvic_publish(package, &object, 1)), fflush(stdout);
            usleep(60000);
        } while (getchar() != EOF);
    } else CHECK(!"a word that is known");
    return 0;
}
