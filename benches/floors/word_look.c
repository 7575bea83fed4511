// word_look FILE: maps a page and looks at a word of it.
#include "floor.h"
#include <stdatomic.h>
#include <stdint.h>

int main(int count, char **words)
{
    char *page = map_file(count, words, 4096);
    volatile uint64_t word = atomic_load((_Atomic uint64_t *)page);
    (void)word;
    return 0;
}
