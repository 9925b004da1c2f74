/* The file of one package: replaced as a whole, safe in a directory that everybody may write to. The rules, and the name,
 * are those of the Python library's package_file.py: programs of both languages may publish one package. */

typedef struct {
    char usual[PATH_SIZE - 64], path[PATH_SIZE], shown[33];
    dev_t device; /* of the file that we put there */
    ino_t inode;
} published;

/* SHA-256 (FIPS 180-4) of up to 119 bytes, which a package's name does not exceed; only its first four bytes. */
static uint32_t sha256_first(const char *text)
{
    static const uint32_t constant[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    unsigned char block[128] = {0};
    uint32_t state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint32_t schedule[64];
    size_t length = strlen(text), blocks = length < 56 ? 1 : 2;
    memcpy(block, text, length);
    block[length] = 0x80;
    block[64 * blocks - 1] = (unsigned char)(length * 8), block[64 * blocks - 2] = (unsigned char)(length >> 5);
#define TURN(value, by) ((value) >> (by) | (value) << (32 - (by)))
    for (size_t at = 0; at < blocks; at++) {
        uint32_t now[8];
        for (int number = 0; number < 64; number++) {
            const unsigned char *word = block + 64 * at + 4 * number;
            if (number < 16) {
                schedule[number] = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
            } else {
                uint32_t two = schedule[number - 15], fifteen = schedule[number - 2];
                schedule[number] = schedule[number - 16] + (TURN(two, 7) ^ TURN(two, 18) ^ two >> 3) +
                                   schedule[number - 7] + (TURN(fifteen, 17) ^ TURN(fifteen, 19) ^ fifteen >> 10);
            }
        }
        memcpy(now, state, sizeof now);
        for (int number = 0; number < 64; number++) {
            uint32_t a = now[0], e = now[4];
            uint32_t one = now[7] + (TURN(e, 6) ^ TURN(e, 11) ^ TURN(e, 25)) + ((e & now[5]) ^ (~e & now[6])) +
                           constant[number] + schedule[number];
            uint32_t other = (TURN(a, 2) ^ TURN(a, 13) ^ TURN(a, 22)) + ((a & now[1]) ^ (a & now[2]) ^ (now[1] & now[2]));
            memmove(now + 1, now, 7 * sizeof *now);
            now[4] += one, now[0] = one + other;
        }
        for (int number = 0; number < 8; number++)
            state[number] += now[number];
    }
#undef TURN
    return state[0];
}

static void published_begin(published *of, const char *name)
{
    safe_name(of->shown, name);
    snprintf(of->usual, sizeof of->usual, "%.3700s/dvic_package_%s-%08x-%lu", log_directory, of->shown,
             (unsigned)sha256_first(name), (unsigned long)geteuid());
    copy_text(of->path, sizeof of->path, of->usual);
    of->device = 0, of->inode = 0;
}

/* The pid of another living process of this user that was started later than `start` and has this file; 0: none. */
static pid_t published_rival(const published *of, int64_t start)
{
    scan from;
    struct stat status;
    char name[64], number[32];
    bool first = true, whole;
    int64_t pid = 0, later = 0;
    if (lstat(of->path, &status) != 0 || (status.st_dev == of->device && status.st_ino == of->inode) ||
        status.st_uid != geteuid() || !scan_open(&from, of->path, 512 * 1024))
        return 0;
    scan_expect(&from, '{');
    while (scan_member(&from, &first, name, sizeof name, &whole)) {
        bool is_pid = whole && strcmp(name, "pid") == 0, is_start = whole && strcmp(name, "start") == 0;
        size_t used = 0;
        scan_blank(&from);
        while ((is_pid || is_start) && scan_look(&from) >= '0' && scan_look(&from) <= '9' && used < sizeof number - 1)
            number[used++] = (char)scan_next(&from);
        number[used] = '\0';
        if (used)
            *(is_pid ? &pid : &later) = strtoll(number, NULL, 10);
        else
            scan_over(&from);
    }
    close(from.handle);
    if (from.bad || pid <= 1 || pid > INT32_MAX || pid == getpid() || later <= start || kill((pid_t)pid, 0) != 0)
        return 0;
    return (pid_t)pid;
}

/* Make these parts the content; false: errno, and then nothing has changed. */
static bool published_replace(published *of, const out *parts, size_t count)
{
    char beside[PATH_SIZE], chance[13];
    struct stat status;
    int handle, error;
    bool good = true;
    random_hex(chance, 6);
    snprintf(beside, sizeof beside, "%s/.dvic_package_%s-%s.new", log_directory, of->shown, chance);
    handle = create_file(beside, 0);
    if (handle < 0)
        return false;
    for (size_t number = 0; number < count; number++)
        for (size_t done = 0; good && done < parts[number].used;) {
            ssize_t written = write_quietly(handle, parts[number].at + done, parts[number].used - done);
            good = written > 0;
            if (good)
                done += (size_t)written;
            else if (written == 0)
                errno = ENOSPC;
        }
    good = good && fstat(handle, &status) == 0;
    error = errno;
    if (close(handle) != 0 && good)
        good = false, error = errno;
    if (good && rename(beside, of->path) != 0) {
        error = errno;
        good = error == EPERM || error == EACCES || error == EISDIR || error == ENOTEMPTY;
        if (good) { /* another user's file (the directory is sticky), or a directory, has the name */
            random_hex(chance, 6);
            snprintf(of->path, sizeof of->path, "%s-%s", of->usual, chance);
            good = rename(beside, of->path) == 0;
            error = errno;
        }
    }
    if (good)
        of->device = status.st_dev, of->inode = status.st_ino;
    else
        unlink(beside);
    errno = error;
    return good;
}

/* What the agent says against the package in this file by this publisher, into `reason`: {path: {instance, reason}}. */
static bool published_refused(const published *of, const char *instance, char *reason, size_t size)
{
    scan from;
    char path[PATH_SIZE], name[16], by[64], why[1024];
    bool first = true, whole, refused = false;
    if (!scan_open(&from, refusals_path, 4 * 1024 * 1024))
        return false;
    scan_expect(&from, '{');
    while (!refused && scan_member(&from, &first, path, sizeof path, &whole)) {
        bool first_of_it = true, named;
        by[0] = why[0] = '\0';
        scan_expect(&from, '{');
        while (scan_member(&from, &first_of_it, name, sizeof name, &named)) {
            bool is_by = strcmp(name, "instance") == 0, is_why = strcmp(name, "reason") == 0;
            scan_blank(&from);
            if (is_by || is_why)
                scan_text(&from, is_by ? by : why, is_by ? sizeof by : sizeof why);
            else
                scan_over(&from);
        }
        refused = !from.bad && whole && strcmp(path, of->path) == 0 && strcmp(by, instance) == 0 && *why;
    }
    close(from.handle);
    if (refused)
        copy_text(reason, size, why);
    return refused;
}
