// kill_by_fd PID: asks whether a process can be signalled, by a descriptor of it.
#include "floor.h"
#include <sys/syscall.h>

int main(int count, char **words)
{
    int process = count == 2 ? (int)syscall(SYS_pidfd_open, atoi(words[1]), 0) : -1;
    if (process < 0)
        fail("pidfd_open");
    if (syscall(SYS_pidfd_send_signal, process, 0, NULL, 0) != 0)
        fail("pidfd_send_signal");
    return 0;
}
