// source BYTES: as many bytes to standard output, 64 KiB a call. Where that is a
// pipe it is made 1 MiB large, so that whoever reads it is measured and not it.
// source LINES SIZE: LINES lines of SIZE bytes and their end.
#include "floor.h"
#include <fcntl.h>

enum { PIPE = 1 << 20, CALL = 1 << 16 };
static char buffer[CALL];

int main(int count, char **words)
{
    if (count < 2)
        return 2;
    fcntl(1, F_SETPIPE_SZ, PIPE);
    memset(buffer, 'x', CALL);
    long left = atol(words[1]), line = count > 2 ? atol(words[2]) + 1 : 0;
    if (line > CALL)
        return 2;
    if (line == 0) {
        for (; left > 0; left -= CALL)
            write_all(1, buffer, left < CALL ? (size_t)left : CALL);
        return 0;
    }
    long fit = CALL / line;
    for (long i = 1; i <= fit; i++)
        buffer[i * line - 1] = '\n';
    for (; left > 0; left -= fit)
        write_all(1, buffer, (size_t)((left < fit ? left : fit) * line));
    return 0;
}
