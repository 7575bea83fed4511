// fill FILE BYTES: BYTES from a buffer into a file by write(2), 1 MiB a call.
// fill FILE: the same of what standard input gives, 256 KiB a call.
#include "floor.h"
#include <fcntl.h>

enum { CALL = 1 << 20, PIECE = 1 << 18 };
static char buffer[CALL];

int main(int count, char **words)
{
    int file = count > 1 ? open(words[1], O_CREAT | O_WRONLY, 0600) : -1;
    if (file < 0)
        fail("open");
    if (count == 2) {
        ssize_t length;
        while ((length = read(0, buffer, PIECE)) > 0)
            write_all(file, buffer, (size_t)length);
        return length < 0;
    }
    memset(buffer, 'x', CALL);
    for (long left = atol(words[2]); left > 0; left -= CALL)
        write_all(file, buffer, left < CALL ? (size_t)left : CALL);
    return 0;
}
