/* A disk that forgets: keeps, beside a watched folder, a mirror of what a power cut would leave of it.
 *
 * Loaded with LD_PRELOAD. POWER_CUT_WATCH is the folder, POWER_CUT_MIRROR one on the same file system, outside of it:
 *
 *   content/INODE   a file's bytes as of its last fsync or fdatasync, plus what was written through O_SYNC or O_DSYNC
 *   listing/INODE   a folder's entries as of its last fsync: "TYPE INODE NAME" and a NUL each
 *   pin/INODE       a hard link to the live file, or the removed folder itself: its number is not given to another
 *   lock            held by whoever changes the mirror
 *
 * That is the harshest reading of POSIX: nothing else counts as durable, msync, sync and syncfs neither (nothing that is
 * tested relies on them). Ordinary writes are not intercepted at all, by whatever call or mapping they come: what is never
 * synced is simply not in the mirror. Nor are names: creating, linking, renaming and removing is seen in the folder itself.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

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

/* Failing here would make a test pass that should not: rather end the process. */
static void must(int ok, const char *what) {
    if (!ok) {
        perror(what);
        abort();
    }
}

/* The path of what the mirror holds of a file or folder. */
static void mirror_path(char *out, const char *kind, ino_t inode, const char *suffix) {
    snprintf(out, PATH_MAX, "%s/%s/%llu%s", getenv("POWER_CUT_MIRROR"), kind, (unsigned long long)inode, suffix);
}

/* One thread of one process at a time changes the mirror; whoever is killed lets go. */
static int lock_mirror(void) {
    char path[PATH_MAX];
    snprintf(path, PATH_MAX, "%s/lock", getenv("POWER_CUT_MIRROR"));
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), taken;
    must(lock >= 0, "power cut: open lock");
    while ((taken = flock(lock, LOCK_EX)) != 0 && errno == EINTR) continue;
    must(taken == 0, "power cut: lock");
    return lock;
}

/* Link a live file so that it stays, be it still in the folder or not; says whether it does. */
static int pin(int at, const char *path, int flags, ino_t inode) {
    char place[PATH_MAX];
    mirror_path(place, "pin", inode, "");
    return linkat(at, path, AT_FDCWD, place, flags) == 0 || errno == EEXIST;
}

static int pin_open(int fd, ino_t inode) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return pin(AT_FDCWD, path, AT_SYMLINK_FOLLOW, inode);
}

/* Copy a part of a live, pinned file to its content in the mirror. */
static void copy_part(ino_t inode, int to, off_t offset, off_t end) {
    char path[PATH_MAX], buffer[1 << 16];
    mirror_path(path, "pin", inode, "");
    int from = open(path, O_RDONLY | O_CLOEXEC);
    must(from >= 0 && to >= 0, "power cut: open");
    while (offset < end) {
        ssize_t n = pread(from, buffer, end - offset < (off_t)sizeof buffer ? (size_t)(end - offset) : sizeof buffer, offset);
        must(n >= 0, "power cut: read");
        if (n == 0) break; /* cut short meanwhile */
        for (ssize_t done = 0, wrote; done < n; done += wrote) {
            wrote = REAL(pwrite)(to, buffer + done, n - done, offset + done);
            must(wrote > 0, "power cut: write");
        }
        offset += n;
    }
    close(from), close(to);
}

static void mirror_file(int fd, const struct stat *found) {
    char new[PATH_MAX], final[PATH_MAX];
    if (!pin_open(fd, found->st_ino)) return; /* it never had a durable name, and has none now: nobody can find it any more */
    mirror_path(new, "content", found->st_ino, ".new");
    mirror_path(final, "content", found->st_ino, "");
    copy_part(found->st_ino, open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 0, LONG_MAX);
    must(rename(new, final) == 0, "power cut: rename");
}

static void mirror_folder(int fd, const struct stat *found) {
    char new[PATH_MAX], final[PATH_MAX];
    mirror_path(new, "listing", found->st_ino, ".new");
    mirror_path(final, "listing", found->st_ino, "");
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = again >= 0 ? fdopendir(again) : NULL;
    FILE *out = fopen(new, "we");
    must(out && folder, "power cut: folder");
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat inside;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (fstatat(dirfd(folder), entry->d_name, &inside, AT_SYMLINK_NOFOLLOW) != 0) continue;
        int is_folder = S_ISDIR(inside.st_mode);
        if (!is_folder && !pin(dirfd(folder), entry->d_name, 0, inside.st_ino)) continue;
        fprintf(out, "%c %llu %s%c", is_folder ? 'd' : 'f', (unsigned long long)inside.st_ino, entry->d_name, 0);
    }
    closedir(folder);
    must(fclose(out) == 0 && rename(new, final) == 0, "power cut: listing");
}

static void synced(int fd) {
    char path[PATH_MAX];
    struct stat found;
    int error = errno;
    if (watched(fd, path) && fstat(fd, &found) == 0) {
        int lock = lock_mirror();
        if (S_ISREG(found.st_mode)) mirror_file(fd, &found);
        if (S_ISDIR(found.st_mode)) mirror_folder(fd, &found);
        close(lock);
    }
    errno = error;
}

/* What was written through a synchronous descriptor is durable by itself; other dirty bytes of the file are not. */
static void written(int fd, ssize_t length, off_t offset, int synchronous) {
    char path[PATH_MAX];
    struct stat found;
    int error = errno;
    if (length > 0 && (synchronous || fcntl(fd, F_GETFL) & O_DSYNC) && watched(fd, path) && fstat(fd, &found) == 0) {
        int lock = lock_mirror();
        if (S_ISREG(found.st_mode) && pin_open(fd, found.st_ino)) {
            mirror_path(path, "content", found.st_ino, "");
            copy_part(found.st_ino, open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), offset, offset + length);
        }
        close(lock);
    }
    errno = error;
}

/* The same, written where the descriptor stood: just before where it stands now. */
static void written_here(int fd, ssize_t length) {
    if (length > 0) written(fd, length, lseek(fd, 0, SEEK_CUR) - length, 0);
}

/* Keep a removed folder, empty as it is, among the pins; or let the system say why it cannot be removed. */
static int remove_folder(int at, const char *path) {
    char place[PATH_MAX], pinned[PATH_MAX];
    struct stat found;
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), entries = 0, result;
    if (fd >= 0 && watched(fd, place) && fstat(fd, &found) == 0) {
        DIR *folder = fdopendir(dup(fd));
        must(folder != NULL, "power cut: folder");
        while (readdir(folder)) entries++;
        closedir(folder);
    }
    if (entries == 2) { /* . and .. */
        mirror_path(pinned, "pin", found.st_ino, "");
        result = renameat(at, path, AT_FDCWD, pinned);
    } else
        result = REAL(unlinkat)(at, path, AT_REMOVEDIR);
    int error = errno;
    if (fd >= 0) close(fd);
    errno = error;
    return result;
}

int rmdir(const char *path) { return remove_folder(AT_FDCWD, path); }

int unlinkat(int at, const char *path, int flags) {
    return flags & AT_REMOVEDIR ? remove_folder(at, path) : REAL(unlinkat)(at, path, flags);
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

ssize_t write(int fd, const void *data, size_t length) {
    ssize_t result = REAL(write)(fd, data, length);
    written_here(fd, result);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t result = REAL(writev)(fd, parts, count);
    written_here(fd, result);
    return result;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    ssize_t result = REAL(pwrite)(fd, data, length, offset);
    written(fd, result, offset, 0);
    return result;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    ssize_t result = REAL(pwrite64)(fd, data, length, offset);
    written(fd, result, offset, 0);
    return result;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t result = REAL(pwritev)(fd, parts, count, offset);
    written(fd, result, offset, 0);
    return result;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    ssize_t result = REAL(pwritev64)(fd, parts, count, offset);
    written(fd, result, offset, 0);
    return result;
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    ssize_t result = REAL(pwritev2)(fd, parts, count, offset, flags);
    if (offset == -1 && result > 0) offset = lseek(fd, 0, SEEK_CUR) - result;
    written(fd, result, offset, flags & (RWF_DSYNC | RWF_SYNC));
    return result;
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    ssize_t result = REAL(pwritev64v2)(fd, parts, count, offset, flags);
    if (offset == -1 && result > 0) offset = lseek(fd, 0, SEEK_CUR) - result;
    written(fd, result, offset, flags & (RWF_DSYNC | RWF_SYNC));
    return result;
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    ssize_t result = REAL(sendfile)(out, in, offset, count);
    written_here(out, result);
    return result;
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) {
    ssize_t result = REAL(sendfile64)(out, in, offset, count);
    written_here(out, result);
    return result;
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned int flags) {
    ssize_t result = REAL(copy_file_range)(in, from, out, to, length, flags);
    if (to)
        written(out, result, *to - result, 0);
    else
        written_here(out, result);
    return result;
}

ssize_t splice(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned int flags) {
    ssize_t result = REAL(splice)(in, from, out, to, length, flags);
    if (to)
        written(out, result, *to - result, 0);
    else
        written_here(out, result);
    return result;
}
