// lines_out NAME COUNT: takes COUNT messages by a call that blocks, and prints
// a line for each. Lines leave when 64 KiB have come together: the fastest
// way, but one that keeps back the last lines of a slow sender.
#include "floor.h"
#include <fcntl.h>
#include <mqueue.h>

enum { BATCH = 1 << 16 };

int main(int count, char **words)
{
    struct mq_attr geometry;
    mqd_t queue = count == 3 ? mq_open(words[1], O_RDONLY) : -1;
    if (queue < 0 || mq_getattr(queue, &geometry) != 0)
        fail("mq_open");
    size_t most = (size_t)geometry.mq_msgsize, used = 0;
    char *batch = malloc(BATCH + most + 1);
    if (!batch)
        fail("malloc");
    for (long left = atol(words[2]); left > 0; left--) {
        ssize_t length = mq_receive(queue, batch + used, most, NULL);
        if (length < 0)
            fail("mq_receive");
        used += (size_t)length;
        batch[used++] = '\n';
        if (used >= BATCH) {
            write_all(1, batch, used);
            used = 0;
        }
    }
    write_all(1, batch, used);
    return 0;
}
