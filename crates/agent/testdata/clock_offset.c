/* A wall clock that is off by the seconds in the file $CLOCK_OFFSET_FILE, for a program that is started
   with this in LD_PRELOAD. The monotonic clock is left alone, as when an administrator sets the time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, ts);
    if (result == 0 && id == CLOCK_REALTIME) {
        const char *path = getenv("CLOCK_OFFSET_FILE");
        FILE *file = path ? fopen(path, "r") : NULL;
        long offset = 0;
        if (file) {
            if (fscanf(file, "%ld", &offset) != 1)
                offset = 0;
            fclose(file);
        }
        ts->tv_sec += offset;
    }
    return result;
}
