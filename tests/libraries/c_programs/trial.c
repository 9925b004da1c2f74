/* One trial a word on the command line, for tests/libraries/test_c_*.py. Exits with 0 where its caller was not harmed. */
#include <dvic_log.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what) do { if (!(what)) { fprintf(stderr, "line %d: %s\n", __LINE__, #what); exit(1); } } while (0)

static void *many(void *argument)
{
    char text[3000];
    memset(text, 'x', sizeof text);
    for (int number = 0; number < 100; number++)
        dvic_log_with(NULL, DVIC_INFO, DVIC_FIELDS(dvic_int("number", number)), "%s:%d%.*s", (const char *)argument,
                      number, number % 2 ? 3000 : 3, text);
    return NULL;
}

static void threads(void)
{
    pthread_t made[4];
    const char *names[] = {"a", "b", "c", "d"};
    dvic_logger *log = dvic_logger_open("t", "meteor", "decode", NULL, NULL);
    for (int number = 0; number < 4; number++)
        CHECK(pthread_create(&made[number], NULL, many, (void *)names[number]) == 0);
    for (int number = 0; number < 30; number++) { /* meanwhile: forks, and a level that is looked at */
        pid_t child;
        (void)dvic_wanted(log, DVIC_INFO);
        child = fork();
        if (child == 0) {
            alarm(60);
            dvic_info("child");
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    for (int number = 0; number < 4; number++)
        pthread_join(made[number], NULL);
    dvic_logger_close(log);
}

static void texts(void)
{
    char big[300001];
    dvic_field fields[71];
    memset(big, 'y', 300000), big[300000] = '\0';
    dvic_info("two\nlines \"quoted\" \\ \t \x01 \x7f end");
    dvic_info("bad \xff \xc0\xaf \xed\xa0\x80 \xe2\x82 good \xe2\x82\xac \xf0\x9f\x98\x80");
    dvic_error("%s", big);
    dvic_log((dvic_level)77, "%s", "no such level");
    dvic_log_with(NULL, DVIC_INFO, DVIC_FIELDS(
        dvic_text("text", "a\"b"), dvic_text("none", NULL), dvic_text(NULL, "no key"), dvic_int("least", INT64_MIN),
        dvic_uint("most", UINT64_MAX), dvic_double("pi", 3.141592653589793), dvic_double("whole", 3), dvic_double("tiny", 5e-324),
        dvic_double("nan", 0.0 / 0.0), dvic_double("inf", 1 / 0.0), dvic_bool("yes", true),
        dvic_bytes("zero", "a\0b", 3), dvic_text("long", big)), "fields");
    for (int number = 0; number < 70; number++)
        fields[number] = dvic_int("k", number);
    fields[70].type = DVIC_END;
    dvic_log_with(NULL, DVIC_INFO, fields, "too many");
    dvic_write(NULL, DVIC_INFO, DVIC_NO_STEP, NULL, "zero\0inside", 11);
    dvic_info("%0*d", 2000000, 7);
}

static void full_disk(void)
{
    struct rlimit limit = {0, RLIM_INFINITY};
    struct stat status;
    char path[4096], text[301];
    memset(text, 'z', 300), text[300] = '\0';
    dvic_info("fits");
    dvic_path(path, sizeof path);
    CHECK(stat(path, &status) == 0);
    limit.rlim_cur = (rlim_t)status.st_size + 30; /* cuts a write short as a full disk does, and would end the program */
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    errno = 4242;
    dvic_info("%s", text);
    dvic_info("no room");
    CHECK(errno == 4242);
    limit.rlim_cur = RLIM_INFINITY;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    dvic_info("room again");
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    dvic_info("handler");
}

static void signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm, action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    pid_t me = getpid(), child = fork();
    if (child == 0) {
        for (int number = 0; number < 200; number++)
            kill(me, SIGUSR1), usleep(100);
        _exit(0);
    }
    while (waitpid(child, NULL, WNOHANG) == 0)
        dvic_info("main");
}

static void *until_cancelled(void *ignored)
{
    for (;;) {
        dvic_info("until it is cancelled");
        pthread_testcancel();
    }
    return ignored;
}

static void cancel(void)
{
    pthread_t made;
    CHECK(pthread_create(&made, NULL, until_cancelled, NULL) == 0);
    usleep(2000);
    pthread_cancel(made);
    pthread_join(made, NULL);
    dvic_info("the lock is free");
}

static void others(const char *word)
{
    if (strcmp(word, "rotate") == 0) {
        CHECK(dvic_open("daq", NULL, 2000));
        for (int number = 0; number < 40; number++)
            dvic_info("%03d%0100d", number, 0);
    } else if (strcmp(word, "deleted") == 0) {
        char path[4096];
        dvic_info("one");
        dvic_path(path, sizeof path);
        CHECK(unlink(path) == 0);
        dvic_info("two");
    } else if (strcmp(word, "stolen") == 0) { /* the program closes what it does not know, and uses the number again */
        int mine;
        char byte;
        dvic_info("one");
        for (int number = 3; number < 64; number++)
            close(number);
        FILE *file = tmpfile();
        mine = fileno(file);
        dvic_info("two");
        CHECK(pread(mine, &byte, 1, 0) == 0);
        CHECK(write(mine, "x", 1) == 1);
        fclose(file);
    } else if (strcmp(word, "streams") == 0) {
        close(0), close(1), close(2);
        dvic_info("logged");
        (void)!write(1, "printed", 7);
    } else if (strcmp(word, "later") == 0) {
        char path[4096];
        errno = 4242;
        dvic_info("one"), dvic_info("two");
        CHECK(errno == 4242 && dvic_path(path, sizeof path) == 0);
        CHECK(mkdir(getenv("DVIC_LOG_DIR"), 0755) == 0);
        sleep(1); /* a directory is tried again after a second */
        usleep(100000);
        dvic_info("three");
    } else if (strcmp(word, "errno") == 0) {
        errno = ENOENT;
        const char *format = "%m"; /* which ISO C does not know */
        dvic_info(format);
        CHECK(errno == ENOENT);
    } else if (strcmp(word, "levels") == 0) {
        dvic_logger *log = dvic_logger_open("x", "meteor", "connect", "c-1", "s");
        dvic_logger *decode = dvic_logger_open("x", "meteor", "d\xc3\xa9" "code", NULL, NULL);
        dvic_start(log, NULL);
        dvic_log_with(log, DVIC_INFO, NULL, "below");
        CHECK(!dvic_wanted(log, DVIC_INFO) || getenv("ALL"));
        dvic_log_with(log, DVIC_ERROR, NULL, "above");
        dvic_log_with(decode, DVIC_DEBUG, NULL, "of the other component");
        dvic_debug("of none");
        dvic_done(log, NULL);
        dvic_logger_close(log), dvic_logger_close(decode);
    } else {
        CHECK(!"a word that is known");
    }
}

int main(int count, char **words)
{
    CHECK(count == 2);
    if (strcmp(words[1], "threads") == 0) threads();
    else if (strcmp(words[1], "texts") == 0) texts();
    else if (strcmp(words[1], "full") == 0) full_disk();
    else if (strcmp(words[1], "signals") == 0) signals();
    else if (strcmp(words[1], "cancel") == 0) cancel();
    else others(words[1]);
    return 0;
}
