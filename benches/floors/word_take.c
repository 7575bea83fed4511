// word_take FILE: the least work that takes a word of a page of ours for the
// parent: its descriptor, one compare-and-swap, the token printed.
#include "floor.h"
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

enum { WORD = 4080, SIZE = 4096 };

int main(int count, char **words)
{
    char *page = map_file(count, words, SIZE);
    if (syscall(SYS_pidfd_open, getppid(), 0) < 0)
        fail("pidfd_open");
    _Atomic uint64_t *word = (_Atomic uint64_t *)(page + WORD);
    uint64_t now = atomic_load(word), next = now + 1;
    while (!atomic_compare_exchange_weak(word, &now, next))
        next = now + 1;
    char line[32];
    write_all(1, line, (size_t)snprintf(line, sizeof line, "%llu\n", (unsigned long long)next));
    return 0;
}
