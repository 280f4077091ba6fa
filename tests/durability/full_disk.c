/* A disk that becomes full: below a watched folder, only so many more bytes can be written.
 *
 * Loaded with LD_PRELOAD. FULL_DISK_WATCH is the folder; FULL_DISK_LEFT a file, outside of it, that holds a 64-bit number: the bytes
 * that are left, for all processes together; below zero there is no limit, and the bytes are counted downwards from -1. A file that
 * grows takes from them, and what is removed gives nothing back, as if somebody else took it at once. When none are left, writing
 * beyond a file's end fails with ENOSPC; what still fits is written, as the system does. So does making files, folders and links fail
 * where FULL_DISK_NAMES is set, as on file systems that keep names where they keep everything else.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char *path) {
    const char *watch = getenv("FULL_DISK_WATCH");
    size_t length = watch ? strlen(watch) : 0;
    return length && strncmp(path, watch, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int link_below(const char *link) {
    char path[PATH_MAX];
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int watched(int fd) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return link_below(link);
}

static long long *left(void) {
    static long long *shared;
    if (!shared) {
        int fd = REAL(open)(getenv("FULL_DISK_LEFT"), O_RDWR | O_CLOEXEC);
        void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped == MAP_FAILED) {
            perror("full disk");
            abort();
        }
        close(fd);
        shared = mapped;
    }
    return shared;
}

/* Take up to so many bytes of those that are left; returns how many there were. */
static long long take(long long bytes) {
    long long *shared = left(), there = __atomic_load_n(shared, __ATOMIC_SEQ_CST), taken;
    do {
        taken = there < 0 || there >= bytes ? bytes : there;
    } while (!__atomic_compare_exchange_n(shared, &there, there - taken, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return taken;
}

/* How many of the bytes that are to be written at a place can be; -1 and ENOSPC: none. */
static ssize_t room(int fd, size_t length, off_t offset) {
    struct stat found;
    if (!length || !watched(fd) || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) return length;
    if (offset < 0) offset = fcntl(fd, F_GETFL) & O_APPEND ? found.st_size : lseek(fd, 0, SEEK_CUR);
    long long inside = offset < found.st_size ? found.st_size - offset : 0, growth = (long long)length - inside;
    if (growth <= 0) return length;
    long long fits = inside + take(growth);
    if (fits > 0) return fits;
    errno = ENOSPC;
    return -1;
}

/* The same for a file that is made longer as a whole or not at all. */
static int grows(int fd, off_t end) {
    struct stat found;
    if (!watched(fd) || fstat(fd, &found) != 0 || end <= found.st_size) return 0;
    if (take(end - found.st_size) == end - found.st_size) return 0;
    errno = ENOSPC;
    return -1;
}

/* Whether a name can be made; -1 and ENOSPC: not. */
static int name_fits(int at, const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!getenv("FULL_DISK_NAMES") || !getenv("FULL_DISK_WATCH") || *left() != 0) return 0;
    if (faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return 0;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = openat(at, folder, O_PATH | O_DIRECTORY | O_CLOEXEC), inside = fd >= 0 && watched(fd);
    if (fd >= 0) close(fd);
    if (!inside) return 0;
    errno = ENOSPC;
    return -1;
}

ssize_t write(int fd, const void *data, size_t length) {
    ssize_t fits = room(fd, length, -1);
    return fits < 0 ? fits : REAL(write)(fd, data, fits);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    ssize_t fits = room(fd, length, offset);
    return fits < 0 ? fits : REAL(pwrite)(fd, data, fits, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    ssize_t fits = room(fd, length, offset);
    return fits < 0 ? fits : REAL(pwrite64)(fd, data, fits, offset);
}

/* Part after part, so that a part may be cut. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t done = 0;
    for (int place = 0; place < count; place++) {
        if (!parts[place].iov_len) continue;
        ssize_t n = offset < 0 ? write(fd, parts[place].iov_base, parts[place].iov_len)
                               : pwrite(fd, parts[place].iov_base, parts[place].iov_len, offset + done);
        if (n < 0) return done ? done : n;
        done += n;
        if ((size_t)n < parts[place].iov_len) break;
    }
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return watched(fd) ? write_parts(fd, parts, count, -1) : REAL(writev)(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return watched(fd) ? write_parts(fd, parts, count, offset) : REAL(pwritev)(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return watched(fd) ? write_parts(fd, parts, count, offset) : REAL(pwritev64)(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    return watched(fd) ? write_parts(fd, parts, count, offset) : REAL(pwritev2)(fd, parts, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    return watched(fd) ? write_parts(fd, parts, count, offset) : REAL(pwritev64v2)(fd, parts, count, offset, flags);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    int fd = fileno(file);
    if (fd >= 0 && watched(fd)) {
        fflush(file);
        if (room(fd, size * count, -1) < (ssize_t)(size * count)) {
            errno = ENOSPC;
            return 0;
        }
    }
    return REAL(fwrite)(data, size, count, file);
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned int flags) {
    ssize_t fits = room(out, length, to ? *to : -1);
    return fits < 0 ? fits : REAL(copy_file_range)(in, from, out, to, fits, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    ssize_t fits = room(out, count, -1);
    return fits < 0 ? fits : REAL(sendfile)(out, in, offset, fits);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) {
    ssize_t fits = room(out, count, -1);
    return fits < 0 ? fits : REAL(sendfile64)(out, in, offset, fits);
}

int ftruncate(int fd, off_t length) { return grows(fd, length) ? -1 : REAL(ftruncate)(fd, length); }

int ftruncate64(int fd, off64_t length) { return grows(fd, length) ? -1 : REAL(ftruncate64)(fd, length); }

int fallocate(int fd, int mode, off_t offset, off_t length) {
    return grows(fd, offset + length) ? -1 : REAL(fallocate)(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    return grows(fd, offset + length) ? -1 : REAL(fallocate64)(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    return grows(fd, offset + length) ? ENOSPC : REAL(posix_fallocate)(fd, offset, length);
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    return grows(fd, offset + length) ? ENOSPC : REAL(posix_fallocate64)(fd, offset, length);
}

#define OPENS(name)                                                    \
    int name(const char *path, int flags, ...) {                       \
        va_list more;                                                  \
        va_start(more, flags);                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                  \
        if (flags & O_CREAT && name_fits(AT_FDCWD, path)) return -1;   \
        return REAL(name)(path, flags, mode);                          \
    }

OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                 \
    int name(int at, const char *path, int flags, ...) {               \
        va_list more;                                                  \
        va_start(more, flags);                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                  \
        if (flags & O_CREAT && name_fits(at, path)) return -1;         \
        return REAL(name)(at, path, flags, mode);                      \
    }

OPENS_AT(openat)
OPENS_AT(openat64)

int mkdir(const char *path, mode_t mode) { return name_fits(AT_FDCWD, path) ? -1 : REAL(mkdir)(path, mode); }

int mkdirat(int at, const char *path, mode_t mode) { return name_fits(at, path) ? -1 : REAL(mkdirat)(at, path, mode); }

int link(const char *from, const char *to) { return name_fits(AT_FDCWD, to) ? -1 : REAL(link)(from, to); }

int linkat(int at, const char *from, int to_at, const char *to, int flags) {
    return name_fits(to_at, to) ? -1 : REAL(linkat)(at, from, to_at, to, flags);
}
