// lines_in NAME: each line of standard input becomes a message, sent by a
// call that blocks. The input buffer is the only one.
#include "floor.h"
#include <fcntl.h>
#include <mqueue.h>

enum { BUFFER = 1 << 17 };
static char buffer[BUFFER];

int main(int count, char **words)
{
    mqd_t queue = count == 2 ? mq_open(words[1], O_WRONLY) : -1;
    if (queue < 0)
        fail("mq_open");
    size_t filled = 0;
    ssize_t more;
    while ((more = read(0, buffer + filled, BUFFER - filled)) > 0) {
        char *line = buffer, *limit = buffer + filled + more, *end;
        while ((end = memchr(line, '\n', (size_t)(limit - line)))) {
            if (mq_send(queue, line, (size_t)(end - line), 0) != 0)
                fail("mq_send");
            line = end + 1;
        }
        filled = (size_t)(limit - line);
        memmove(buffer, line, filled);
    }
    return more < 0;
}
