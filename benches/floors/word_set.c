// word_set FILE: the least work that changes a word of a page of ours and wakes.
#include "floor.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { WORD = 4088, SIZE = 4096 };

int main(int count, char **words)
{
    int file = count == 2 ? open(words[1], O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0)
        fail("open");
    char *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        fail("mmap");
    atomic_fetch_or((_Atomic uint64_t *)(page + WORD), 1);
    syscall(SYS_futex, page + WORD, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    return 0;
}
