/* Reading the small JSON files by which the agent, or another publisher, tells something; in one pass, in a buffer on the stack. */

/* A JSON file that the agent or another publisher wrote, read once from its beginning, in a buffer on the stack. */
typedef struct {
    int handle;
    size_t at, end, left;
    bool bad;
    unsigned char bytes[4096];
} scan;

/* Opens a regular file, of which at most `most` bytes are read. A pipe there holds up nobody. */
static bool scan_open(scan *from, const char *path, size_t most)
{
    struct stat status;
    from->at = from->end = 0, from->left = most, from->bad = false;
    from->handle = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from->handle < 0)
        return false;
    if (fstat(from->handle, &status) == 0 && S_ISREG(status.st_mode))
        return true;
    close(from->handle);
    return false;
}

/* The next byte, -1 at the end. */
static int scan_look(scan *from)
{
    if (from->at == from->end) {
        size_t most = from->left < sizeof from->bytes ? from->left : sizeof from->bytes;
        ssize_t had = most ? read(from->handle, from->bytes, most) : 0;
        from->at = 0, from->end = had > 0 ? (size_t)had : 0;
        from->left -= from->end;
        if (from->end == 0)
            return -1;
    }
    return from->bytes[from->at];
}

static int scan_next(scan *from)
{
    int byte = scan_look(from);
    if (byte >= 0)
        from->at++;
    return byte;
}

static int scan_blank(scan *from)
{
    int byte;
    while ((byte = scan_look(from)) == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
        from->at++;
    return byte;
}

static bool scan_expect(scan *from, int wanted)
{
    if (!from->bad && scan_blank(from) == wanted) {
        from->at++;
        return true;
    }
    from->bad = true;
    return false;
}

static unsigned scan_hex(scan *from)
{
    unsigned value = 0;
    for (int number = 0; number < 4; number++) {
        int byte = scan_next(from);
        const char *digit = byte > 0 ? strchr(HEX, byte >= 'A' && byte <= 'F' ? byte + 32 : byte) : NULL;
        if (!digit) {
            from->bad = true;
            return 0;
        }
        value = value << 4 | (unsigned)(digit - HEX);
    }
    return value;
}

static size_t utf8(char to[4], unsigned code)
{
    if (code < 0x80)
        return to[0] = (char)code, 1;
    if (code < 0x800)
        return to[0] = (char)(0xc0 | code >> 6), to[1] = (char)(0x80 | (code & 63)), 2;
    if (code < 0x10000)
        return to[0] = (char)(0xe0 | code >> 12), to[1] = (char)(0x80 | (code >> 6 & 63)),
               to[2] = (char)(0x80 | (code & 63)), 3;
    return to[0] = (char)(0xf0 | code >> 18), to[1] = (char)(0x80 | (code >> 12 & 63)),
           to[2] = (char)(0x80 | (code >> 6 & 63)), to[3] = (char)(0x80 | (code & 63)), 4;
}

/* A JSON text into `text`, cut to its size. Returns whether all of it is there. */
static bool scan_text(scan *from, char *text, size_t size)
{
    size_t used = 0;
    bool whole = true;
    scan_expect(from, '"');
    while (!from->bad) {
        char made[4];
        size_t length = 1;
        int byte = scan_next(from);
        if (byte < 0x20) {
            from->bad = true;
        } else if (byte == '"') {
            break;
        } else if (byte == '\\') {
            static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
            const char *name;
            byte = scan_next(from);
            name = byte > 0 ? strchr(names, byte) : NULL;
            if (byte == 'u') {
                unsigned code = scan_hex(from);
                if (code >= 0xd800 && code < 0xdc00 && scan_look(from) == '\\') {
                    from->at++;
                    from->bad = from->bad || scan_next(from) != 'u';
                    code = 0x10000 + ((code & 0x3ff) << 10) + (scan_hex(from) & 0x3ff);
                }
                length = utf8(made, code);
            } else if (name) {
                made[0] = values[name - names];
            } else {
                from->bad = true;
            }
        } else {
            made[0] = (char)byte;
        }
        if (!from->bad && used + length < size)
            memcpy(text + used, made, length), used += length;
        else
            whole = false;
    }
    text[used] = '\0';
    return whole && !from->bad;
}

/* After `{` or a member: the next member's name, false at the end. `first` is kept by the caller. */
static bool scan_member(scan *from, bool *first, char *name, size_t size, bool *whole)
{
    if (from->bad)
        return false;
    if (scan_blank(from) == '}') {
        from->at++;
        return false;
    }
    if (!*first)
        scan_expect(from, ',');
    *first = false;
    *whole = scan_text(from, name, size);
    return scan_expect(from, ':');
}

/* Pass over a value: a number, a text, a list or an object, whose inside is not checked. */
static void scan_over(scan *from)
{
    size_t depth = 0;
    char ignored[1];
    do {
        int byte = scan_blank(from);
        if (byte < 0)
            from->bad = true;
        else if (byte == '"')
            scan_text(from, ignored, sizeof ignored);
        else if (depth == 0 && (byte == ',' || byte == '}' || byte == ']'))
            return;
        else {
            depth += byte == '[' || byte == '{';
            depth -= byte == ']' || byte == '}';
            from->at++;
            if (depth == 0 && byte != ']' && byte != '}')
                continue;
        }
    } while (!from->bad && (depth > 0 || (scan_blank(from) != ',' && scan_look(from) != '}')));
}
