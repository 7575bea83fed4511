// mq_send NAME MESSAGE: one message into an existing queue.
#include <fcntl.h>
#include <mqueue.h>
#include <string.h>

int main(int count, char **words)
{
    mqd_t queue = count == 3 ? mq_open(words[1], O_WRONLY) : -1;
    return queue < 0 || mq_send(queue, words[2], strlen(words[2]), 0) != 0;
}
