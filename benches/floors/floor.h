// What every floor needs: the clock, and ending with a reason.
#ifndef FLOOR_H
#define FLOOR_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static inline _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline double microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

// write(2) may take less than it was given.
static inline void write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t taken = write(fd, bytes, length);
        if (taken < 0)
            fail("write");
        bytes += taken;
        length -= (size_t)taken;
    }
}

// The first bytes of the file that is the only word of the command line.
static inline char *map_file(int count, char **words, size_t size)
{
    int file = count == 2 ? open(words[1], O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0)
        fail("open");
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED)
        fail("mmap");
    return bytes;
}
#endif
