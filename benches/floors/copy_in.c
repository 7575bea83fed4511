// copy_in SOURCE FILE: a file into a new one by sendfile(2), without a detour
// through this process.
#include "floor.h"
#include <fcntl.h>
#include <sys/sendfile.h>

enum { CALL = 1 << 30 };

int main(int count, char **words)
{
    int source = count == 3 ? open(words[1], O_RDONLY) : -1;
    int file = source < 0 ? -1 : open(words[2], O_CREAT | O_WRONLY, 0600);
    if (file < 0)
        fail("open");
    ssize_t moved;
    while ((moved = sendfile(file, source, NULL, CALL)) > 0) {
    }
    return moved < 0;
}
