// value_add FILE: the least work that adds one to the 8-byte cell of a .npy file
// of ours, moves the generation behind it, wakes and prints the sum.
#include "floor.h"
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

enum { DATA = 128, GENERATION = 136 + 16, SIZE = 200 };

int main(int count, char **words)
{
    char *page = map_file(count, words, SIZE);
    int64_t sum = atomic_fetch_add((_Atomic int64_t *)(page + DATA), 1) + 1;
    atomic_fetch_add((_Atomic uint64_t *)(page + GENERATION), 2);
    syscall(SYS_futex, page + GENERATION, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    char line[32];
    write_all(1, line, (size_t)snprintf(line, sizeof line, "%lld\n", (long long)sum));
    return 0;
}
