// shm_write NAME TEXT: some bytes to the start of an existing segment.
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **words)
{
    int file = count == 3 ? shm_open(words[1], O_RDWR, 0) : -1;
    if (file < 0)
        return 1;
    size_t length = strlen(words[2]);
    return pwrite(file, words[2], length, 0) != (ssize_t)length;
}
