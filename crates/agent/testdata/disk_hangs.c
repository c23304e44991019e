/* A disk that hangs while the file $DISK_HANGS_FILE exists, for a program that is started with this in
   LD_PRELOAD: writing to files does if the file's text is "all", making them durable in any case. Pipes and
   sockets are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int hangs(int writing)
{
    const char *path = getenv("DISK_HANGS_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char what[8] = "";
    if (!file)
        return 0;
    int read = fscanf(file, "%7s", what);
    fclose(file);
    return !writing || (read == 1 && strcmp(what, "all") == 0);
}

static void wait_for_disk(int fd, int writing)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return;
    while (hangs(writing))
        usleep(10000);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    wait_for_disk(fd, 1);
    return real(fd, bytes, count);
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_for_disk(fd, 0);
    return real(fd);
}
