// word_set FILE: the least work that changes a word of a page of ours and wakes.
#include "floor.h"
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

enum { WORD = 4088, SIZE = 4096 };

int main(int count, char **words)
{
    char *page = map_file(count, words, SIZE);
    atomic_fetch_or((_Atomic uint64_t *)(page + WORD), 1);
    syscall(SYS_futex, page + WORD, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    return 0;
}
