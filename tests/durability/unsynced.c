/* A disk that forgets: keeps, beside a watched folder, a mirror of what a power cut would leave of it.
 *
 * Loaded with LD_PRELOAD. POWER_CUT_WATCH is the folder, POWER_CUT_MIRROR one on the same file system, outside of it:
 *
 *   content/INODE   a file's bytes as of its last fsync or fdatasync, plus what was written through O_SYNC or O_DSYNC
 *   listing/INODE   a folder's entries as of its last fsync: "TYPE INODE NAME" and a NUL each
 *   pin/INODE       a hard link to the live file, so that its number is not given to another
 *
 * That is the harshest reading of POSIX: nothing else counts as durable, msync, sync and syncfs neither (nothing that is
 * tested relies on them). Ordinary writes are not intercepted at all: what is never synced is simply not in the mirror.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t mirror_lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The path of a descriptor below the watched folder; 0 if it is not there. */
static int watched(int fd, char *path) {
    const char *watch = getenv("POWER_CUT_WATCH");
    char link[64];
    if (!watch || !getenv("POWER_CUT_MIRROR")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    size_t prefix = strlen(watch);
    return strncmp(path, watch, prefix) == 0 && (path[prefix] == '/' || path[prefix] == 0);
}

static void mirror_path(char *out, const char *kind, ino_t inode, const char *suffix) {
    snprintf(out, PATH_MAX, "%s/%s/%llu%s", getenv("POWER_CUT_MIRROR"), kind, (unsigned long long)inode, suffix);
}

/* Failing here would make a test pass that should not: rather end the process. */
static void must(int ok, const char *what) {
    if (!ok) {
        perror(what);
        abort();
    }
}

static void write_all(int fd, const char *data, size_t length, off_t offset) {
    while (length) {
        ssize_t n = REAL(pwrite)(fd, data, length, offset);
        must(n > 0, "power cut: write");
        data += n, length -= n, offset += n;
    }
}

static void mirror_file(const char *path, const struct stat *found) {
    char pin[PATH_MAX], new[PATH_MAX], final[PATH_MAX], buffer[1 << 16];
    mirror_path(pin, "pin", found->st_ino, "");
    if (link(path, pin) != 0 && errno != EEXIST) return; /* unlinked meanwhile: nobody can find it any more */
    mirror_path(new, "content", found->st_ino, ".new");
    mirror_path(final, "content", found->st_ino, "");
    int from = open(pin, O_RDONLY), to = open(new, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(from >= 0 && to >= 0, "power cut: open");
    off_t offset = 0;
    for (ssize_t n; (n = pread(from, buffer, sizeof buffer, offset)) > 0; offset += n) write_all(to, buffer, n, offset);
    close(from), close(to);
    must(rename(new, final) == 0, "power cut: rename");
}

static void mirror_folder(const char *path, const struct stat *found) {
    char new[PATH_MAX], final[PATH_MAX];
    mirror_path(new, "listing", found->st_ino, ".new");
    mirror_path(final, "listing", found->st_ino, "");
    FILE *out = fopen(new, "w");
    DIR *folder = opendir(path);
    must(out && folder, "power cut: folder");
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat inside;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (fstatat(dirfd(folder), entry->d_name, &inside, AT_SYMLINK_NOFOLLOW) != 0) continue;
        fprintf(out, "%c %llu %s%c", S_ISDIR(inside.st_mode) ? 'd' : 'f', (unsigned long long)inside.st_ino, entry->d_name, 0);
    }
    closedir(folder);
    must(fclose(out) == 0 && rename(new, final) == 0, "power cut: listing");
}

static void synced(int fd) {
    char path[PATH_MAX];
    struct stat found;
    int error = errno;
    if (watched(fd, path) && fstat(fd, &found) == 0) {
        pthread_mutex_lock(&mirror_lock);
        if (S_ISREG(found.st_mode)) mirror_file(path, &found);
        if (S_ISDIR(found.st_mode)) mirror_folder(path, &found);
        pthread_mutex_unlock(&mirror_lock);
    }
    errno = error;
}

/* What was written through a synchronous descriptor is durable by itself; other dirty bytes of the file are not. */
static void written(int fd, const void *data, ssize_t length, off_t offset) {
    char path[PATH_MAX], final[PATH_MAX], pin[PATH_MAX];
    struct stat found;
    int error = errno;
    if (length > 0 && (fcntl(fd, F_GETFL) & O_DSYNC) && watched(fd, path) && fstat(fd, &found) == 0) {
        pthread_mutex_lock(&mirror_lock);
        mirror_path(pin, "pin", found.st_ino, "");
        if (link(path, pin) == 0 || errno == EEXIST) {
            mirror_path(final, "content", found.st_ino, "");
            int to = open(final, O_WRONLY | O_CREAT, 0600);
            must(to >= 0, "power cut: open");
            write_all(to, data, length, offset);
            close(to);
        }
        pthread_mutex_unlock(&mirror_lock);
    }
    errno = error;
}

int fsync(int fd) {
    int result = REAL(fsync)(fd);
    if (result == 0) synced(fd);
    return result;
}

int fdatasync(int fd) {
    int result = REAL(fdatasync)(fd);
    if (result == 0) synced(fd);
    return result;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    ssize_t result = REAL(pwrite)(fd, data, length, offset);
    written(fd, data, result, offset);
    return result;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    ssize_t result = REAL(pwrite64)(fd, data, length, offset);
    written(fd, data, result, offset);
    return result;
}

ssize_t write(int fd, const void *data, size_t length) {
    ssize_t result = REAL(write)(fd, data, length);
    if (result > 0) written(fd, data, result, lseek(fd, 0, SEEK_CUR) - result);
    return result;
}

static void written_parts(int fd, const struct iovec *parts, int count, ssize_t length, off_t offset) {
    for (int place = 0; place < count && length > 0; place++) {
        ssize_t n = (ssize_t)parts[place].iov_len < length ? (ssize_t)parts[place].iov_len : length;
        written(fd, parts[place].iov_base, n, offset);
        offset += n, length -= n;
    }
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t result = REAL(pwritev)(fd, parts, count, offset);
    written_parts(fd, parts, count, result, offset);
    return result;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    ssize_t result = REAL(pwritev64)(fd, parts, count, offset);
    written_parts(fd, parts, count, result, offset);
    return result;
}
