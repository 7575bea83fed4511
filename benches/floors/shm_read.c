// shm_read NAME: a segment of up to one page to standard output.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **words)
{
    char page[4096];
    int file = count == 2 ? shm_open(words[1], O_RDONLY, 0) : -1;
    ssize_t length = file < 0 ? -1 : read(file, page, sizeof page);
    return length < 0 || write(1, page, (size_t)length) != length;
}
