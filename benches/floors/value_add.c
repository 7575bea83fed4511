// value_add FILE: the least work that adds one to the 8-byte cell of a .npy file
// of ours, moves the generation behind it, wakes and prints the sum.
#include "floor.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { DATA = 128, GENERATION = 136 + 16, SIZE = 200 };

int main(int count, char **words)
{
    int file = count == 2 ? open(words[1], O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0)
        fail("open");
    char *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        fail("mmap");
    int64_t sum = atomic_fetch_add((_Atomic int64_t *)(page + DATA), 1) + 1;
    atomic_fetch_add((_Atomic uint64_t *)(page + GENERATION), 2);
    syscall(SYS_futex, page + GENERATION, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    char line[32];
    write_all(1, line, (size_t)snprintf(line, sizeof line, "%lld\n", (long long)sum));
    return 0;
}
