// sem_by_hand FILE: the least work that gives one unit to a semaphore in
// glibc's layout, under any C library: open, map, add, and wake if somebody waits.
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// WAKE is FUTEX_WAKE, whose header musl-gcc does not find.
enum { SIZE = 32, WAKE = 1 };

int main(int count, char **words)
{
    int file = count == 2 ? open(words[1], O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0)
        return 1;
    void *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        return 1;
    // The value is the low half, the number of waiters the high half.
    _Atomic uint64_t *word = page;
    if (atomic_fetch_add(word, 1) >> 32 != 0)
        syscall(SYS_futex, page, WAKE, 1, NULL, NULL, 0);
    return 0;
}
