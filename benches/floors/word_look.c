// word_look FILE: maps a page and looks at a word of it.
#include "floor.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

int main(int count, char **words)
{
    int file = count == 2 ? open(words[1], O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0)
        fail("open");
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        fail("mmap");
    volatile uint64_t word = atomic_load((_Atomic uint64_t *)page);
    (void)word;
    return 0;
}
