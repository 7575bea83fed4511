// hand_over FILE: a file to standard output by sendfile(2), through a pipe of 1 MiB.
#include "floor.h"
#include <fcntl.h>
#include <sys/sendfile.h>

enum { PIPE = 1 << 20, CALL = 1 << 30 };

int main(int count, char **words)
{
    int file = count == 2 ? open(words[1], O_RDONLY) : -1;
    if (file < 0)
        fail("open");
    if (fcntl(1, F_SETPIPE_SZ, PIPE) < 0)
        fail("F_SETPIPE_SZ");
    ssize_t moved;
    while ((moved = sendfile(1, file, NULL, CALL)) > 0) {
    }
    return moved < 0;
}
